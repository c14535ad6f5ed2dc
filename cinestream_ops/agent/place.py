"""
One name in one opened folder of this machine.

Every path is walked handle by handle, so that nobody who owns a folder on the way (a site owns
its own) can send root elsewhere by a symbolic link.

What is replaced or removed is kept beside it under another name until the commit: putting it back
is a rename, which needs no room on a full disk.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from types import TracebackType
from typing import Any, Dict, Optional, Type

from cinestream_ops.agent.erase import erase
from cinestream_ops.agent.refused import Refused

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
WAS = ".cinestream-was"


class Place:
    """The name at *path*, with its folder held open; `FileNotFoundError` without a folder."""

    def __init__(self, path: str) -> None:
        if not path.startswith("/") or path != os.path.normpath(path) or path == "/":
            raise Refused(f"`{path}` is not a full path")
        self.path = path
        self.folder, self.name = os.path.split(path)
        # The leading dots keep both out of nginx's `include sites-enabled/*`.
        self.draft = f".{self.name}.cinestream"
        self.was = f".{self.name}{WAS}"

    def __enter__(self) -> Place:  # noqa: PYI034 -- `Self` came with Python 3.11
        self.fd = opened(self.folder)
        return self

    def __exit__(
        self,
        _: Optional[Type[BaseException]],
        error: Optional[BaseException],
        __: Optional[TracebackType],
    ) -> None:
        os.close(self.fd)
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            error.filename = self.path
        if isinstance(error, OSError) and error.errno in {errno.EBUSY, errno.EXDEV}:
            raise Refused(f"`{self.path}` is a mount point", "unmount it, and try again") from error

    def stat(self, name: str = "") -> Optional[os.stat_result]:
        """Of the name itself, never of what it links to; None if there is nothing."""
        try:
            return os.stat(name or self.name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    @property
    def handle(self) -> str:
        """A path to the name itself that leads through the opened folder, whatever its own is."""
        return f"/proc/self/fd/{self.fd}/{self.name}"

    def is_file(self) -> bool:
        found = self.stat()
        return bool(found and stat.S_ISREG(found.st_mode))

    def content(self, most: int = -1) -> bytes:
        """Of a regular file, or the first *most* bytes; `OSError` for anything else."""
        # A site may have put a pipe here, which would be waited for without O_NONBLOCK.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(self.name, flags, dir_fd=self.fd), "rb") as file:
            return file.read(most)

    def link(self) -> str:
        return os.readlink(self.name, dir_fd=self.fd)

    def keep(self) -> None:
        """Hold on to what is here, for the way back; the first to be kept is what counts."""
        found = self.stat()
        if found and not stat.S_ISDIR(found.st_mode) and not self.stat(self.was):
            os.link(
                self.name, self.was, src_dir_fd=self.fd, dst_dir_fd=self.fd, follow_symlinks=False
            )

    def write(self, content: bytes, mode: int, owner: str, group: str) -> None:
        """All of *content* under the name, or what was there before; never a part."""
        uid, gid = owner_id(owner), group_id(group)
        self.discard(self.draft)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        # Born 0600: a secret must not be readable even while it is being written.
        with os.fdopen(os.open(self.draft, flags, 0o600, dir_fd=self.fd), "wb") as out:
            out.write(content)
            out.flush()
            own(out.fileno(), uid, gid)
            os.fchmod(out.fileno(), mode)
            os.fsync(out.fileno())
        self.rename(self.draft, self.name)

    def point(self, target: str) -> None:
        """A symbolic link to *target* under the name."""
        self.discard(self.draft)
        os.symlink(target, self.draft, dir_fd=self.fd)
        self.rename(self.draft, self.name)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        os.fsync(self.fd)

    def set_aside(self) -> None:
        """Gone from its name, and kept; what was kept before stays what counts."""
        if self.stat(self.was):
            self.discard(self.name)
        else:
            self.rename(self.name, self.was)

    def bring_back(self) -> None:
        """What was kept, under its own name again; nothing if nothing is kept."""
        kept, here = self.stat(self.was), self.stat()
        if kept and here and os.path.samestat(kept, here):
            # rename(2) does nothing, and leaves both, when both are the same file.
            self.discard(self.was)
        elif kept:
            if here and (stat.S_ISDIR(kept.st_mode) or stat.S_ISDIR(here.st_mode)):
                self.discard(self.name)
            self.rename(self.was, self.name)

    def discard(self, name: str) -> None:
        """Remove *name* and, if it is a folder, all that is below it."""
        try:
            erase(self.fd, name)
        except OSError as error:
            if error.errno != errno.EBUSY or not error.filename:
                raise
            path = f"{self.folder}/{error.filename}"
            raise Refused(f"`{path}` is a mount point", "unmount it, and try again") from error

    def discard_kept(self) -> None:
        self.discard(self.draft)
        self.discard(self.was)


def opened(path: str) -> int:
    """
    A handle of the folder at *path*.

    A link on the way is followed only if it is root's own, in a folder of root's own, as `/bin`
    is; any other is `Refused`.
    """
    fd = os.open("/", FOLDER)
    try:
        for part in filter(None, path.split("/")):
            try:
                below = os.open(part, FOLDER | os.O_NOFOLLOW, dir_fd=fd)
            except (NotADirectoryError, OSError) as error:
                if error.errno not in {errno.ELOOP, errno.ENOTDIR} or not ours(fd, part):
                    raise
                below = os.open(part, FOLDER, dir_fd=fd)
            os.close(fd)
            fd = below
    except BaseException as error:
        os.close(fd)
        if isinstance(error, OSError) and error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise Refused(f"`{path}` is not a folder, or leads through a link") from None
        raise
    return fd


def ours(fd: int, name: str) -> bool:
    """Whether *name* in the folder *fd* is a link that only root can have made."""
    us = {0, os.geteuid()}
    folder, link = os.fstat(fd), os.stat(name, dir_fd=fd, follow_symlinks=False)
    return {folder.st_uid, link.st_uid} <= us and not folder.st_mode & 0o022


def own(fd: int, uid: int, gid: int) -> None:
    found = os.fstat(fd)
    if (found.st_uid, found.st_gid) != (uid, gid):
        os.fchown(fd, uid, gid)


def owner_id(name: str) -> int:
    try:
        return int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise Refused(f"there is no user `{name}`") from None


def group_id(name: str) -> int:
    try:
        return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise Refused(f"there is no group `{name}`") from None


def mark(found: os.stat_result) -> Dict[str, Any]:
    """Mode, owner and group, by name; a number stands for who has no name."""
    return {
        "mode": stat.S_IMODE(found.st_mode),
        "owner": name_of(found.st_uid),
        "group": group_of(found.st_gid),
    }


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_of(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
