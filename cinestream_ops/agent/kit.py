"""
What a step is done with: the conversation's blobs, commands and events.

It may not run a shell, and may not wait without an end.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Sequence, Set, Union

from cinestream_ops.agent.refused import Failed, Refused
from cinestream_ops.agent.stops import Stops
from cinestream_ops.state import paths

if TYPE_CHECKING:
    from concurrent.futures import Future

PATH = paths.PROGRAMS
LAST_LINES = 15


def nobody(event: str, **details: Any) -> None:
    """Tells nobody."""


class Kit:
    """One conversation's means; *blobs* are bytes, or where they were spooled."""

    def __init__(
        self,
        home: Union[str, Path],
        tell: Callable[..., None] = nobody,
        blobs: Optional[Mapping[str, Union[bytes, Path]]] = None,
        stops: Optional[Stops] = None,
        booting: bool = False,
    ) -> None:
        self.home = Path(home)
        self.tell = tell
        self.stops = stops or Stops()
        self.booting = booting  # systemd is still starting: do not wait for its jobs
        self.batch = 25  # per cent of a site's workers that may restart at a time
        self.touched: Set[str] = set()  # the keys of what the change is made of
        self.must_be_well: Set[str] = set()  # hosts that have to answer behind the gate
        self.must_be_named: Dict[str, str] = {}  # hosts, and the site that nginx answers for there
        self.asked: Mapping[str, Future[bool]] = {}  # other hosts, which need not be well
        self._blobs: Dict[str, Union[bytes, Path]] = dict(blobs or {})

    def progress(self, key: str, text: str, done: int, total: int) -> None:
        self.tell("progress", key=key, text=text, done=done, total=total)

    def blob(self, name: str) -> bytes:
        blob = self._found(name)
        return blob.read_bytes() if isinstance(blob, Path) else blob

    def blob_path(self, name: str) -> Path:
        blob = self._found(name)
        if isinstance(blob, Path):
            return blob
        path = incoming(self.home) / name
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(blob)
        self._blobs[name] = path
        return path

    def _found(self, name: str) -> Union[bytes, Path]:
        if name not in self._blobs:
            raise Refused(f"`{name}` did not come with the order", "run the command again")
        return self._blobs[name]

    def run(
        self,
        argv: Sequence[str],
        timeout: float,
        cwd: Optional[str] = None,
        env: Optional[Mapping[str, str]] = None,
        stdin: Optional[bytes] = None,
    ) -> str:
        """
        What *argv* wrote to stdout, within *timeout* seconds.

        `Refused` with the last lines it wrote, if it fails; never put a secret into *argv*.
        """
        child = started(argv, cwd, env, stdin)
        try:
            with self.stops.allowed():
                out, errors = child.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            raise Refused(f"`{' '.join(argv)}` did not end within {timeout:g} s") from None
        finally:
            end(child)
        if child.returncode:
            said = (errors.strip() or out).decode(errors="replace")
            raise Failed(argv, child.returncode, last_lines(said))
        return str(out.decode(errors="replace"))


def started(
    argv: Sequence[str],
    cwd: Optional[str] = None,
    env: Optional[Mapping[str, str]] = None,
    stdin: Optional[bytes] = None,
) -> subprocess.Popen[bytes]:
    """*argv* in a session of its own, so that no terminal's Ctrl-C reaches it."""
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/root", **(env or {})},
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise Refused(f"`{argv[0]}` cannot be run: {error.strerror}: `{error.filename}`") from None


def end(child: subprocess.Popen[bytes]) -> None:
    """Leave nothing of *child* behind, nor of its own children."""
    if child.returncode is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream and not stream.closed:
            stream.close()


def last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-LAST_LINES:])


def incoming(home: Path) -> Path:
    """The folder of this conversation alone, for what is too big to keep in memory."""
    folder = home / "incoming" / str(os.getpid())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
