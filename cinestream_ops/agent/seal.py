"""
A tree that somebody else has made, copied so that it is root's and nobody else's.

What the maker still holds (an open file, another name of it, a link that leads elsewhere) does not
lead to the copy.  Every name is opened below the folder that it was found in, and none is followed.
"""

from __future__ import annotations

import os
import stat
from typing import Collection

from cinestream_ops.agent.refused import Refused

DEPTH = 64  # folders in folders
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PIECE = 1 << 24
HINT = "nothing of it was kept; leave out the package that made it"


class Seal:
    """
    Copies of what the user *owner* has made.

    A link may lead to a name beside it or to one of *programs*; `Refused` tells of what else there
    is, and of more than the disk has room for.
    """

    def __init__(self, owner: int, programs: Collection[str]) -> None:
        self.owner, self.programs = owner, programs
        self.room = 0

    def tree(self, source: str, target: str, but: Collection[str] = ()) -> None:
        """What is in the folder *source*, into the empty *target*; not *but* those names in it."""
        theirs, ours = os.open(source, FOLDER), os.open(target, FOLDER)
        try:
            disk = os.fstatvfs(ours)
            self.room = disk.f_bavail * disk.f_frsize
            self._folder(theirs, ours, "", but)
        finally:
            os.close(theirs)
            os.close(ours)

    def _folder(self, theirs: int, ours: int, path: str, but: Collection[str] = ()) -> None:
        if path.count("/") > DEPTH:
            raise refused(path, "is too deep")
        with os.scandir(theirs) as found:
            names = sorted(each.name for each in found if each.name not in but)
        for name in names:
            self._entry(theirs, ours, name, f"{path}/{name}")

    def _entry(self, theirs: int, ours: int, name: str, path: str) -> None:
        found = os.stat(name, dir_fd=theirs, follow_symlinks=False)
        if found.st_uid != self.owner:
            raise refused(path, "is somebody else's")
        if stat.S_ISLNK(found.st_mode):
            os.symlink(self._link(theirs, name, path), name, dir_fd=ours)
        elif stat.S_ISDIR(found.st_mode):
            self._subfolder(theirs, ours, name, path)
        elif stat.S_ISREG(found.st_mode):
            self._file(theirs, ours, name, path)
        else:
            raise refused(path, "is neither a file, a folder nor a link")

    def _link(self, theirs: int, name: str, path: str) -> str:
        leads = os.readlink(name, dir_fd=theirs)
        beside = "/" not in leads and leads not in {".", ".."}
        if not (beside or leads in self.programs):
            raise refused(path, f"leads to `{printable(leads)}`")
        return leads

    def _subfolder(self, theirs: int, ours: int, name: str, path: str) -> None:
        os.mkdir(name, 0o700, dir_fd=ours)
        source = os.open(name, FOLDER, dir_fd=theirs)
        try:
            target = os.open(name, FOLDER, dir_fd=ours)
            try:
                self._folder(source, target, path)
                os.fchmod(target, 0o755)
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _file(self, theirs: int, ours: int, name: str, path: str) -> None:
        source = os.open(name, READ, dir_fd=theirs)
        try:
            found = os.fstat(source)
            # Not what it takes now: a file of holes would become a full one.
            self.room -= found.st_size
            if self.room < 0:
                raise refused(path, "is more than the disk has room for")
            target = os.open(name, WRITE, 0o600, dir_fd=ours)
            try:
                copied(source, target, found.st_size)
                os.fchmod(target, 0o755 if found.st_mode & stat.S_IXUSR else 0o644)
                # Bytecode goes by the time of its source.
                os.utime(target, ns=(found.st_mtime_ns, found.st_mtime_ns))
            finally:
                os.close(target)
        finally:
            os.close(source)


def copied(source: int, target: int, size: int) -> None:
    done = 0
    while done < size:
        sent = os.sendfile(target, source, done, min(size - done, PIECE))
        if not sent:
            return
        done += sent


def refused(path: str, why: str) -> Refused:
    return Refused(f"the build made `{printable(path[1:])}`, which {why}", HINT)


def printable(text: str) -> str:
    """*text* with all that a terminal could take for an order spelled out."""
    return ascii(text)[1:-1]
