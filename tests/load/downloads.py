"""
Visitors who take a large file slowly, by curl.
"""

from __future__ import annotations

import hashlib
import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cinestream_ops.lab import Lab

PROTOCOLS = {"1.1": "--http1.1", "2": "--http2"}
NAME = "film.bin"
PATIENCE = 120  # seconds for what is left of it


@dataclass(frozen=True)
class Download:
    """One that was begun by *protocol*; what comes of it is in the file *kept*."""

    protocol: str
    kept: Path
    process: subprocess.Popen[str]

    @property
    def goes_on(self) -> bool:
        return self.process.poll() is None

    def end(self) -> tuple[str, str]:
        """What curl says in the end, protocol and status or how it failed; what it got."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return f"{out}{err}", digest(self.kept.read_bytes())


def film(source: str, size: int, seed: int) -> str:
    """*size* bytes that no compression makes smaller, as a static file of *source*; their digest."""
    folder = Path(source) / "static"
    folder.mkdir()
    (Path(source) / "site.toml").write_text('[static]\ndirectory = "static"\n')
    content = random.Random(seed).randbytes(size)
    (folder / NAME).write_bytes(content)
    return digest(content)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def begun(lab: Lab, site: str, folder: Path, rate: str) -> Iterator[list[Download]]:
    """One by each protocol, at *rate* bytes a second, as curl spells it."""
    with ExitStack() as stack:
        downloads = [begin(lab, site, folder, rate, protocol) for protocol in PROTOCOLS]
        for each in downloads:
            stack.enter_context(each.process)
            stack.callback(each.process.kill)
        yield downloads


def begin(lab: Lab, site: str, folder: Path, rate: str, protocol: str) -> Download:
    kept = folder / f"film-{protocol}"
    argv = [
        *("curl", "--silent", "--show-error", PROTOCOLS[protocol], "--limit-rate", rate),
        *("--cacert", lab.acme_root, "--resolve", f"{site}:443:{lab.address}"),
        *("--output", str(kept), "--write-out", "%{http_version} %{http_code}"),
        f"https://{site}/static/{NAME}",
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return Download(protocol, kept, subprocess.Popen(argv, text=True, **pipes))
