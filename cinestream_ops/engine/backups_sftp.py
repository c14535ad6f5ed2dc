"""
A shelf of backups on another machine, by SFTP (draft-ietf-secsh-filexfer-02).

Of OpenSSH's extensions (its PROTOCOL file, section 4) it uses what the server there offers.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from cinestream_ops.agent.backup_shelf import NO_FILE
from cinestream_ops.channel.library import load_paramiko
from cinestream_ops.errors import Unreachable

if TYPE_CHECKING:
    from paramiko import SFTPClient

ASKED = 1 << 15  # bytes that one question asks for: what every server answers
AT_ONCE = 128  # questions that are on their way together
EXTENDED = 200  # SSH_FXP_EXTENDED
FULL = 1 << 20  # bytes; with fewer free, a failure without a reason has this one


class Sftp:
    """The shelf at *top* there; *called* is how its owner writes that."""

    def __init__(self, client: SFTPClient, top: str, called: str) -> None:
        self._client: Any = client
        self._top, self._called = PurePosixPath(top), called

    def named(self, path: str = "") -> str:
        between = "" if self._called.endswith(("/", ":")) else "/"
        return f"{self._called}{between}{path}" if path else self._called

    def names(self, path: str = "") -> list[str]:
        with self.asking(path), suppress(FileNotFoundError):
            return sorted(self._client.listdir(self._at(path)))
        return []

    def files(self, path: str) -> Mapping[str, int]:
        with self.asking(path):
            return dict(self._walked(self._at(path), ""))

    def _walked(self, folder: str, below: str) -> Iterator[tuple[str, int]]:
        for each in self._client.listdir_attr(folder):
            name, mode = f"{below}{each.filename}", each.st_mode or 0
            if stat.S_ISDIR(mode):
                yield from self._walked(f"{folder}/{each.filename}", f"{name}/")
            else:
                yield name, each.st_size if stat.S_ISREG(mode) else NO_FILE

    def size(self, path: str) -> int:
        with self.asking(path):
            return int(self._client.stat(self._at(path)).st_size)

    def pieces(self, path: str) -> Iterator[bytes]:
        """Many questions at a time, so that a long way costs little; but never a whole file."""
        with self.asking(path), self._client.open(self._at(path), "rb") as file:
            size = file.stat().st_size
            starts = range(0, size, ASKED)
            for first in starts[::AT_ONCE]:
                several = starts[first // ASKED : first // ASKED + AT_ONCE]
                yield from file.readv([(at, min(ASKED, size - at)) for at in several])

    def make(self, path: str) -> None:
        with self.asking(path):
            self._make(PurePosixPath(self._at(path)))

    def _make(self, folder: PurePosixPath) -> None:
        try:
            self._client.stat(str(folder))
        except FileNotFoundError:
            self._make(folder.parent)
            self._client.mkdir(str(folder), 0o700)

    def create(self, path: str) -> Written:
        self.make(str(PurePosixPath(path).parent))
        with self.asking(path):
            file = self._client.open(self._at(path), "wxb")
            file.chmod(0o600)
            file.set_pipelined(True)
        return Written(self, path, file)

    def rename(self, path: str, to: str) -> None:
        with self.asking(path):
            try:
                self._client.posix_rename(self._at(path), self._at(to))
            except OSError as error:
                if error.errno:
                    raise
                self._client.rename(self._at(path), self._at(to))

    def remove(self, path: str) -> None:
        with self.asking(path):
            self._remove(self._at(path))

    def _remove(self, folder: str) -> None:
        for each in self._client.listdir_attr(folder):
            inner = f"{folder}/{each.filename}"
            if stat.S_ISDIR(each.st_mode or 0):
                self._remove(inner)
            else:
                self._client.remove(inner)
        self._client.rmdir(folder)

    def free(self) -> int | None:
        with self.asking(""):
            for folder in (self._top, *self._top.parents):
                with suppress(FileNotFoundError):
                    return self._free(str(folder))
        return None

    def _free(self, folder: str) -> int | None:
        """`f_bavail` of `statvfs@openssh.com` in bytes; None where the server does not know it."""
        try:
            self._client.stat(folder)
            _, answer = self.extended("statvfs@openssh.com", folder)
        except FileNotFoundError:
            raise
        except OSError:
            return None
        _, fragment, _, _, available, *_ = (answer.get_int64() for _ in range(11))
        return int(fragment * available)

    def extended(self, name: str, *words: Any) -> Any:
        return self._client._request(EXTENDED, name, *words)  # noqa: SLF001 -- there is no other door

    def _at(self, path: str) -> str:
        return str(self._top / path)

    @contextmanager
    def asking(self, path: str) -> Iterator[None]:
        """What fails in the block is an `OSError` with a reason, or `Unreachable`."""
        paramiko = load_paramiko()
        try:
            yield
        except FileNotFoundError as error:
            raise FileNotFoundError(error.errno, error.strerror, self.named(path)) from None
        except (TimeoutError, EOFError, paramiko.SSHException):
            raise self.lost() from None
        except OSError as error:
            channel = self._client.get_channel()
            if channel.closed or not channel.get_transport().is_active():
                raise self.lost() from None
            raise OSError(*self._why(error), self.named(path)) from None

    def lost(self) -> Unreachable:
        return Unreachable(
            f"the connection to `{self._called}` broke off",
            "no backup that is listed is half a one; what is left of this one goes with "
            "`cinestream backup prune`",
        )

    def _why(self, error: OSError) -> tuple[int, str]:
        """SFTP has one word for all that it has no word for."""
        if error.errno:
            return error.errno, error.strerror or str(error)
        with suppress(OSError, Unreachable):
            free = self.free()
            if free is not None and free < FULL:
                return errno.ENOSPC, "No space left on device"
        return errno.EIO, f"the server there says `{error}`"


class Written:
    """A file that is being written there; what its server answers is heard by the end."""

    def __init__(self, shelf: Sftp, path: str, file: Any) -> None:
        self._shelf, self._path, self._file = shelf, path, file
        self._last = b""

    def write(self, piece: bytes) -> None:
        with self._shelf.asking(self._path):
            self._file.write(self._last)
        self._last = piece

    def close(self) -> None:
        with self._shelf.asking(self._path):
            # The last write waits for the answers to all of them.
            self._file.set_pipelined(False)
            self._file.write(self._last)
            with suppress(OSError):
                self._shelf.extended("fsync@openssh.com", self._file.handle)
            self._file.close()

    def drop(self) -> None:
        with suppress(Exception):
            self._file.close()
