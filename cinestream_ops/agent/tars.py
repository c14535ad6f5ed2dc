"""
Tar archives, unpacked as if their author were an enemy.

Nothing is ever written outside the target, no link leads out of it, and owners, special bits and
devices are not taken over.  The rules are our own, since `tarfile` has filters only in some of
the versions of Python that servers have.
"""

from __future__ import annotations

import lzma
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Iterator, List, Tuple

from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.trees import MARKER

LIMIT = 4 << 30  # bytes, unpacked
MIB = 1 << 20
TORN = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)
Parts = Tuple[str, ...]


def unpack(archive: Path, target: Path, strip: int = 0) -> Iterator[int]:
    """
    Put what is in *archive* under *target*, an empty folder, without its *strip* top folders.

    Yields, now and then, the bytes written so far.  Raises `Refused`, *target* half-filled.
    """
    try:
        with tarfile.open(archive) as tar:
            yield from Unpacking(tar, target, strip).run()
    except TORN as error:
        raise Refused(f"the archive is torn, or is no tar archive: {error}") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise Refused(f"the archive holds `{error.filename}` twice") from None


class Unpacking:
    """One walk over the members of *tar*."""

    def __init__(self, tar: tarfile.TarFile, target: Path, strip: int) -> None:
        self.tar, self.target, self.strip = tar, target, strip
        self.size = 0
        self.links: List[Tuple[Path, str]] = []

    def run(self) -> Iterator[int]:
        told = 0
        for member in self.tar:
            where = parts(member.name)[self.strip :]
            if where:
                self.take(member, where)
            if self.size - told > MIB:
                told = self.size
                yield told
        # Links come last, so that no file was ever written through one.
        for path, aim in self.links:
            self.folder(path.parent)
            path.symlink_to(aim)

    def take(self, member: tarfile.TarInfo, where: Parts) -> None:
        path = self.target.joinpath(*where)
        if where == (MARKER,):
            raise Refused(f"the archive holds a file of our own, `{MARKER}`")
        if member.isdir():
            self.folder(path)
        elif member.issym():
            refuse_leading_out(member, where)
            self.links.append((path, member.linkname))
        elif member.isfile() or member.islnk():
            self.file(member, path)
        else:
            raise Refused(f"the archive holds `{member.name}`, which is no file, folder or link")

    def folder(self, path: Path) -> None:
        for each in (*reversed(path.relative_to(self.target).parents), path):
            folder = self.target / each
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)

    def file(self, member: tarfile.TarInfo, path: Path) -> None:
        source = self.source(member)
        self.refuse_more_than_limit(source.size)
        self.folder(path.parent)
        content = self.tar.extractfile(source)
        assert content is not None
        with content, path.open("xb") as out:
            shutil.copyfileobj(content, out, 1 << 20)
        path.chmod(0o755 if source.mode & 0o111 else 0o644)
        self.size += source.size

    def source(self, member: tarfile.TarInfo) -> tarfile.TarInfo:
        """The file itself, or the one a hard link stands for."""
        if not member.islnk():
            return member
        try:
            source = self.tar.getmember(member.linkname)
        except KeyError:
            source = member
        if not source.isfile():
            raise Refused(f"the archive holds `{member.name}`, a link to no file in it")
        return source

    def refuse_more_than_limit(self, size: int) -> None:
        if self.size + size > LIMIT:
            raise Refused(f"the archive holds more than {LIMIT >> 30} GiB")


def parts(name: str) -> Parts:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise Refused(f"the archive holds `{name}`, a path that leads out of it")
    return path.parts


def refuse_leading_out(member: tarfile.TarInfo, where: Parts) -> None:
    """
    A link may climb from its own folder, at most to the top, and then only descend.

    No folder of ours is a link when this is judged, so counting the names is exact: a link that
    climbs in the middle of its path could meet another link there.
    """
    aim = PurePosixPath(member.linkname)
    climbs = 0
    while aim.parts[climbs : climbs + 1] == ("..",):
        climbs += 1
    if aim.is_absolute() or ".." in aim.parts[climbs:] or climbs >= len(where):
        raise Refused(
            f"the archive holds `{member.name}`, a link to `{member.linkname}` outside of it"
        )
