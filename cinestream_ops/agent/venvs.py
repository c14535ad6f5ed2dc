"""
Virtual environments, built by uv and an account of its own; our own tools' by pip, since uv is one.

They belong to root, and a half-made one is never left behind.  Where packages come from is for
`/etc/pip.conf` and `/etc/uv/uv.toml` to say.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, List

from cinestream_ops.agent import builds, systemd, trees
from cinestream_ops.agent.builds import Build
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Failed, Refused
from cinestream_ops.agent.seal import Seal, printable
from cinestream_ops.state import paths
from cinestream_ops.state.items import Venv
from cinestream_ops.state.steps import REMOVE, Step

PATIENCE = 900  # seconds
# Who builds for nobody any more would go on to write where others have begun anew.
NICE = ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "10"]
UV = (
    f"UV_CACHE_DIR={builds.CACHE}",
    "UV_PYTHON_DOWNLOADS=never",
    # A link would be another name of what is in the cache.
    "UV_LINK_MODE=copy",
    "UV_NO_PROGRESS=1",
    "NO_COLOR=1",
)
REQUIREMENTS = "requirements.txt"
# What a line of requirements may begin with, besides the name of a package.  Not `--no-binary`,
# nor another file that could say it: whose code is run is for the owner to say.
OPTIONS = {
    "-f", "--find-links", "-i", "--index-url", "--extra-index-url", "--no-index", "--pre",
    "--prefer-binary", "--require-hashes", "--trusted-host",
}  # fmt: skip
# How uv tells of a package that it may not build, found by its index or by its address.
UNBUILT = re.compile(r"(?:Wheels are required for|but attempted to build) `([A-Za-z0-9][\w.-]*)`")
PIP = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "HOME": "/root"}


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Venv)
    path = Path(item.path)
    if step.verb == REMOVE:
        trees.clear(path)
        return
    requirements = kit.blob(item.blob)
    if item.path != paths.TOOLS:
        by_uv(item, requirements, kit)
        return
    trees.parents(path)
    with trees.aside(path):
        by_pip(item, requirements, kit)
        trees.set_mark(path, item.mark)


def bounded() -> List[str]:
    """What stands before a command that builds, so that it takes no visitor's time or memory."""
    if not systemd.RUNS.is_dir():
        return NICE
    scope = ["systemd-run", "--scope", "--quiet", "--collect"]
    return [*scope, *(f"--property={each}" for each in builds.BOUNDS), *NICE]


def by_pip(item: Venv, requirements: bytes, kit: Kit) -> None:
    """As root, since all of it comes with us: wheels whose hashes we know, and none run."""
    kit.progress(item.key, "making the tools' virtual environment", 0, 0)
    kit.run([*bounded(), item.python, "-m", "venv", item.path], PATIENCE)
    listed = Path(item.path, REQUIREMENTS)
    listed.write_bytes(requirements)
    pip = [f"{item.path}/bin/python", "-m", "pip", "install", "-q"]
    known = ["--require-hashes", "--only-binary", ":all:", "-r", str(listed)]
    with refusing():
        kit.run([*bounded(), *pip, *known], PATIENCE, cwd="/", env=PIP)


def by_uv(item: Venv, requirements: bytes, kit: Kit) -> None:
    """As `cinestream-build`; what it made is copied by root, who runs nothing of it."""
    refuse_options(requirements.decode(errors="replace"))
    path = Path(item.path)
    kit.progress(item.key, "making the virtual environment", 0, 0)
    with builds.begun(str(path.parent), kit, alone=bool(item.sources)) as build:
        with refusing():
            filled(build, item, requirements)
        kit.progress(item.key, "compiling", 0, 0)
        compiled(build, item)
        with trees.draft(path, item.mark) as partial:
            programs = {item.python, os.path.realpath(item.python)}
            seal = Seal(builds.account().pw_uid, programs)
            seal.tree(f"{build.made}/{path.name}", str(partial), {REQUIREMENTS, trees.MARKER})
            # They tell what is in it.
            (partial / REQUIREMENTS).write_bytes(requirements)


def filled(build: Build, item: Venv, requirements: bytes) -> None:
    uv = f"{paths.TOOLS}/bin/uv"
    build.online([uv, "venv", "-q", "--no-project", "--python", item.python, item.path], UV)
    hashes = ["--require-hashes"] if b"--hash=" in requirements else []
    # Whoever is named here is exempt from `--only-binary`.
    sources = [word for each in item.sources for word in ("--no-binary", each)]
    into = ["--python", f"{item.path}/bin/python", "--only-binary", ":all:", *sources, *hashes]
    build.online([uv, "pip", "install", "-q", *into, "-r", "-"], UV, requirements)


def compiled(build: Build, item: Venv) -> None:
    """By the machine's Python, which runs nothing of what is in there to do so."""
    # What is named like a module and does not compile is left as it is.
    with suppress(Failed):
        build.offline(
            [item.python, "-I", "-S", "-m", "compileall", "-q", "-j0", f"{item.path}/lib"]
        )


def refuse_options(requirements: str) -> None:
    """`Refused` if *requirements* ask for more than packages, and where to find them."""
    for line in re.split(r"[\r\n]", requirements.replace("\ufeff", "")):
        word = re.split(r"[\s=]", line.strip(), maxsplit=1)[0]
        if word.startswith("-") and not word.startswith("--hash") and word not in OPTIONS:
            raise Refused(
                f"`{printable(word)}` has no place in the requirements of a site",
                "name packages alone; `--allow-source PACKAGE` builds one from source",
            )


@contextmanager
def refusing() -> Iterator[None]:
    """A command that fails in the block says why the requirements could not be installed."""
    try:
        yield
    except Failed as error:
        said = sentence(error.why)
        if found := UNBUILT.search(said):
            name = found.group(1)
            raise Refused(
                f"`{name}` comes as source, with no wheel: to build it is to run its code",
                "ask for a version that has a wheel; or "
                f"`--allow-source {name}` builds it, as `{paths.BUILDER}`",
            ) from None
        raise Refused(
            f"the requirements could not be installed: {said}",
            "try them in a virtual environment of your own, and lock them again",
        ) from None


def sentence(output: str) -> str:
    """What uv or pip said, without the command before and the drawing around it."""
    plain = re.sub(r"[×╰─▶│├╴╶]+", " ", output.partition(":\n")[2] or output)
    return " ".join(plain.split()).replace("error: ", "", 1)
