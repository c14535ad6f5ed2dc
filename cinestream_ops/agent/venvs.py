"""
Virtual environments, built where they stay, by uv; our own tools' by pip, since uv is one of them.

They belong to root, and a half-made one is never left behind.  Where packages come from is for
`/etc/pip.conf` and `/etc/uv/uv.toml` to say.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, List, Sequence

from cinestream_ops.agent import systemd, trees
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import paths
from cinestream_ops.state.items import Venv
from cinestream_ops.state.steps import REMOVE, Step

CACHE = "/var/cache/cinestream/uv"
PATIENCE = 900  # seconds
# Who builds for nobody any more would go on to write where others have begun anew.
NICE = ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "10"]
# What sites serve with is theirs: builds take what is left, and fail before the server does.
BOUNDS = ["CPUWeight=20", "IOWeight=20", "MemoryMax=75%", "TasksMax=512"]
UV = {
    "UV_CACHE_DIR": CACHE,
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_NO_PROGRESS": "1",
    "NO_COLOR": "1",
    "HOME": "/root",
}
PIP = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "HOME": "/root"}


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Venv)
    path = Path(item.path)
    if step.verb == REMOVE:
        trees.clear(path)
        return
    trees.parents(path)
    make = by_pip if item.path == paths.TOOLS else by_uv
    requirements = kit.blob(item.blob)
    with trees.aside(path):
        make(item, requirements, kit)
        trees.set_mark(path, item.mark)


def bounded() -> List[str]:
    """What stands before a command that builds, so that it takes no visitor's time or memory."""
    if not systemd.RUNS.is_dir():
        return NICE
    scope = ["systemd-run", "--scope", "--quiet", "--collect"]
    return [*scope, *(f"--property={each}" for each in BOUNDS), *NICE]


def by_pip(item: Venv, requirements: bytes, kit: Kit) -> None:
    kit.progress(item.key, "making the tools' virtual environment", 0, 0)
    kit.run([*bounded(), item.python, "-m", "venv", item.path], PATIENCE)
    listed = kept(item, requirements)
    python = f"{item.path}/bin/python"
    install(["-m", "pip", "install", "-q", "--require-hashes", "-r", listed], python, PIP, kit)


def by_uv(item: Venv, requirements: bytes, kit: Kit) -> None:
    uv = f"{paths.TOOLS}/bin/uv"
    Path(CACHE).mkdir(parents=True, exist_ok=True)
    kit.progress(item.key, "making the virtual environment", 0, 0)
    venv = ["venv", "-q", "--no-project", "--python", item.python, item.path]
    kit.run([*bounded(), uv, *venv], PATIENCE, cwd="/", env=UV)
    listed = kept(item, requirements)
    hashes = ["--require-hashes"] if b"--hash=" in requirements else []
    into = ["--python", f"{item.path}/bin/python", "--compile-bytecode", "-r", listed]
    install(["pip", "install", "-q", *hashes, *into], uv, UV, kit)


def kept(item: Venv, requirements: bytes) -> str:
    """The requirements, written into the environment itself: they tell what is in it."""
    path = Path(item.path, "requirements.txt")
    path.write_bytes(requirements)
    return str(path)


def install(words: Sequence[str], program: str, env: Dict[str, str], kit: Kit) -> None:
    try:
        kit.run([*bounded(), program, *words], PATIENCE, cwd="/", env=env)
    except Refused as error:
        raise Refused(
            f"the requirements could not be installed: {sentence(error.why)}",
            "try them in a virtual environment of your own, and lock them again",
        ) from None


def sentence(output: str) -> str:
    """What uv or pip said, without the command before and the drawing around it."""
    plain = re.sub(r"[×╰─▶│├╴╶]+", " ", output.partition(":\n")[2] or output)
    return " ".join(plain.split())
