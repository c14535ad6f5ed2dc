"""
The manuals, typed in as they are written, on a server that is booted for them.

SETUP, SITES and DOMAINS tell one story on the server `web1`, each where the one before it ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from cinestream_ops import lab
from cinestream_ops.lab.faults import NoSuchLab
from tests.manual.console import Command, commands, squeezed

ROOT = Path(__file__).parents[2]
SECONDS = 600
SSH_CONFIG = """\
Host web1.example.com
  HostName {address}
  IdentityFile {identity_file}
  UserKnownHostsFile {known_hosts}
"""

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]


class Owner:
    """Somebody at a shell of their own, with a home where nothing is yet."""

    def __init__(self, home: Path, **env: str) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        settings = ("CINESTREAM_", "XDG_")
        others = {name: text for name, text in os.environ.items() if not name.startswith(settings)}
        self.home, self._env = home, {**others, "PATH": path, "HOME": str(home), **env}

    def types(self, command: Command, document: str) -> None:
        done = subprocess.run(
            ["bash", "-c", command.text],
            cwd=self.home,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        told = f"{document}:{command.line}: $ {command.text}\n{done.stdout}"
        if command.status != done.returncode:
            pytest.fail(f"{told}exited with {done.returncode}", pytrace=False)
        if not command.pattern.search(squeezed(done.stdout)):
            pytest.fail(f"{told}does not hold\n{command.output}", pytrace=False)


@pytest.fixture(scope="module")
def web1():
    made = lab.up("manual-web1")
    yield made
    lab.down("manual-web1")


@pytest.fixture(scope="module")
def owner(web1, tmp_path_factory):
    """An owner to whom `web1.example.com` leads to the lab, with MongoDB's archive at hand."""
    home = tmp_path_factory.mktemp("owner")
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh/config").write_text(SSH_CONFIG.format(**web1.as_dict()))
    return Owner(home, **{f"LAB_{key.upper()}": str(text) for key, text in web1.as_dict().items()})


@pytest.mark.parametrize("document", ["SETUP.md", "SITES.md", "DOMAINS.md"])
def test_every_command_of_the_manual_does_what_it_says(document, owner):
    for command in commands((ROOT / document).read_text()):
        owner.types(command, document)


def test_every_command_of_the_readme_does_what_it_says(tmp_path):
    # What labs are made of is kept where it always is, and not made anew.
    cache = os.environ.get("CINESTREAM_CACHE", str(Path.home() / ".cache/cinestream"))
    owner = Owner(tmp_path, CINESTREAM_CACHE=cache)

    try:
        for command in commands((ROOT / "README.md").read_text()):
            owner.types(command, "README.md")
    finally:
        with suppress(NoSuchLab):
            lab.down("first")
