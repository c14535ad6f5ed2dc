"""
Trees that others have filled: gone through and removed, however deep they are.

Each folder is opened from the one above it, and no path is ever spelled out: no link is followed,
no mount point is entered, and a path may be longer than the system takes (PATH_MAX).  Nothing here
calls itself, and at most a few folders are open at a time.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from itertools import islice
from typing import Callable, Iterator, List, Optional, Tuple

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MANY = 20_000  # names of one folder that are kept in mind at a time
PATIENCE = 3600  # seconds
LONGEST = 200  # characters of a path that are told

Entry = Tuple[int, str, os.stat_result]


def always(_: os.stat_result) -> bool:
    return True


class Walk:
    """
    All that is below the folder *top*: a handle of the folder, a name in it, what has that name.

    A folder comes after what is in it, of which there are at most *many* names; one that *enter*
    does not take, that is a mount point or that cannot be opened comes without.  The handle holds
    until the next entry is asked for.  Raises `OSError` when somebody moves what it stands in.
    """

    def __init__(
        self,
        top: int,
        enter: Callable[[os.stat_result], bool] = always,
        many: Optional[int] = None,
    ) -> None:
        self.trail: List[str] = []
        self._top, self._enter, self._many = top, enter, many

    def path(self, name: str) -> str:
        """Where *name* is, below the top; the middle of a long path is left out."""
        whole = "/".join([*self.trail, name])
        half = LONGEST // 2
        return whole if len(whole) <= LONGEST else f"{whole[:half]}…{whole[-half:]}"

    def __iter__(self) -> Iterator[Entry]:
        here = os.open(".", FOLDER, dir_fd=self._top)
        mount = mount_of(here)
        names = [self._names(here)]
        above: List[Tuple[os.stat_result, os.stat_result]] = []
        try:
            while names:
                if names[-1]:
                    name = names[-1].pop()
                    found = status(here, name)
                    if found is None:
                        continue
                    below = self._opened(here, name, found, mount)
                    if below is None:
                        yield here, name, found
                        continue
                    above.append((os.fstat(here), found))
                    self.trail.append(name)
                    os.close(here)
                    here = below
                    names.append(self._names(here))
                    continue
                names.pop()
                if above:
                    parent, found = above.pop()
                    here = self._up(here, parent)
                    yield here, self.trail.pop(), found
        finally:
            os.close(here)

    def _names(self, folder: int) -> List[str]:
        with os.scandir(folder) as found:
            return [each.name for each in islice(found, self._many)]

    def _opened(self, folder: int, name: str, found: os.stat_result, mount: str) -> Optional[int]:
        """The folder *name*, if it is to be gone through."""
        if not stat.S_ISDIR(found.st_mode) or not self._enter(found):
            return None
        try:
            below = os.open(name, FOLDER, dir_fd=folder)
        except OSError:
            return None
        if mount_of(below) == mount and os.path.samestat(os.fstat(below), found):
            return below
        os.close(below)
        return None

    def _up(self, here: int, parent: os.stat_result) -> int:
        up = os.open("..", FOLDER, dir_fd=here)
        if not os.path.samestat(os.fstat(up), parent):
            os.close(up)
            raise OSError(errno.EBUSY, "moved while it was gone through", self.path(""))
        os.close(here)
        return up


def status(folder: int, name: str) -> Optional[os.stat_result]:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def mount_of(folder: int) -> str:
    """Tells the mount that a handle is in, as proc(5) does: a bind mount is on the same device."""
    with open(f"/proc/self/fdinfo/{folder}") as told:  # noqa: PTH123 -- no Path for each folder
        return next(line for line in told if line.startswith("mnt_id:"))


def erase(folder: int, name: str) -> None:
    """
    Remove *name* from the opened *folder*, with all that is below it if it is a folder.

    All is removed that can be; then raises `OSError` for the first that could not, with its path
    as seen from *folder*.  A mount point is `EBUSY`, and what is mounted there stays.
    """
    found = status(folder, name)
    if found is None:
        return
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=folder)
        return
    end = time.monotonic() + PATIENCE
    while True:
        gone, trouble = emptied(folder, name, end)
        try:
            os.rmdir(name, dir_fd=folder)
        except FileNotFoundError:
            return
        except OSError as error:
            if not gone or time.monotonic() > end:
                error.filename = name
                raise trouble or error from None
        else:
            return


def emptied(folder: int, name: str, end: float) -> Tuple[int, Optional[OSError]]:
    """How much of the folder *name* could be removed until *end*, and what could not first."""
    gone, trouble = 0, None
    top = os.open(name, FOLDER, dir_fd=folder)
    try:
        walk = Walk(top, many=MANY)
        for here, each, found in walk:
            remove = os.rmdir if stat.S_ISDIR(found.st_mode) else os.unlink
            try:
                remove(each, dir_fd=here)
                gone += 1
            except FileNotFoundError:
                pass
            except OSError as error:
                error.filename = f"{name}/{walk.path(each)}"
                # What a folder cannot go for has been told by then.
                trouble = trouble or error
            if time.monotonic() > end:
                break
    finally:
        os.close(top)
    return gone, trouble


def weight(path: str) -> int:
    """The bytes of the files below *path*, but for holes; none without the folder."""
    try:
        top = os.open(path, FOLDER & ~os.O_NOFOLLOW)
    except OSError:
        return 0
    try:
        return sum(
            min(found.st_size, found.st_blocks * 512)
            for _, _, found in Walk(top)
            if not stat.S_ISDIR(found.st_mode)
        )
    finally:
        os.close(top)
