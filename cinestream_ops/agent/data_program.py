"""
The data of a site, packed and checked while the site writes to it.

It runs in a sandbox as the user whose data it is: it imports nothing of ours, so that its text is
all that has to be brought there.  What it opens may have been made by somebody who means harm, and
nothing is done with it that the site could not do itself.

A SQLite database is saved by SQLite's own backup API, so that it is one moment's and needs no log
beside it.  Any other file is one moment's too, or nothing is saved.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import sys
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, Set, Tuple
from urllib.parse import quote

# https://www.sqlite.org/fileformat.html#the_database_header
HEADER = b"SQLite format 3\0"
# https://www.sqlite.org/tempfiles.html: parts of a database for as long as it is open.
BESIDE = ("-wal", "-shm", "-journal")
FOLDER, DATABASE, FILE, PIPE, LINK, NOTHING = "folder", "database", "file", "pipe", "link", ""
REFUSED = 3  # the exit code of what says why, and what to do
PATIENCE = 60.0  # seconds that somebody may keep a database locked
PAUSE = 0.1  # seconds between two tries
OWN_ORDERS = 50  # that a site may have made up, at most
TRIES, BIG = 5, 64 << 20  # how often a file is read that changes; a big one twice
FRESH = 2.0  # seconds within which a second change may bear the same time as a first
PIECE = 1 << 18  # bytes
PAGES = 4096  # of a database, in one step
BLOCK = 512  # bytes of a tar archive
SPARE = 64 << 20  # bytes of the disk that no copy takes
BEAT = 20.0  # seconds; who says nothing for longer is taken for dead
STEPS = 1_000_000  # instructions of SQLite's between two looks at the clock

Told = Dict[str, object]
Extents = List[Tuple[int, int]]


class Unsaved(Exception):
    """Something cannot be saved, or is not whole."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


class Out:
    """Where the archive goes; it never falls silent while there is work."""

    def __init__(self, file: BinaryIO, silence: bytes) -> None:
        self.file, self.silence, self.last = file, silence, time.monotonic()

    def write(self, content: bytes) -> None:
        self.file.write(content)
        self.last = time.monotonic()

    def beat(self) -> None:
        """May come between two members alone."""
        if time.monotonic() - self.last > BEAT:
            self.write(self.silence)
            self.file.flush()


class Heard:
    """What is read, with a sign of life now and then: a large file may be passed over."""

    def __init__(self, file: BinaryIO, out: Out) -> None:
        self.file, self.out = file, out

    def read(self, size: int) -> bytes:
        self.out.beat()
        return self.file.read(size)


def nothing() -> None:
    """Nobody waits for a sign of life."""


def kind_of(path: Path) -> str:
    """What stands at *path*; what is gone by now, or can have no content, is nothing."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            return DATABASE if is_database(path) else FILE
    except FileNotFoundError:
        return NOTHING
    kinds = ((stat.S_ISDIR, FOLDER), (stat.S_ISLNK, LINK), (stat.S_ISFIFO, PIPE))
    return next((kind for of, kind in kinds if of(mode)), NOTHING)


def is_database(path: Path) -> bool:
    """By its header; what is new may have all of its content in the log beside it still."""
    with reading(path) as file:
        begin = file.read(len(HEADER))
    return begin == HEADER or (not begin and log_of(path).exists())


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def reading(path: Path) -> BinaryIO:
    # A pipe or a link that has taken the place of a file is not waited for, nor followed.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return os.fdopen(handle, "rb", buffering=0)


def walk(top: Path) -> Iterator[Tuple[Path, str, str]]:
    """
    Path, kind and name of all below *top*, which is `.`, in order; links are not followed.

    What lies beside a database belongs to it, and is left out.
    """
    waiting = ["."]
    while waiting:
        name = waiting.pop()
        path = top / name
        kind = kind_of(path)
        if kind:
            yield path, kind, name
        if kind == FOLDER:
            inside = {each.name: kind_of(each) for each in path.iterdir()}
            waiting += [f"{name}/{each}" for each in sorted(own(inside), reverse=True)]


def own(inside: Dict[str, str]) -> List[str]:
    """
    The names *inside* a folder, but for the logs of databases there.

    A log that is gone by now comes back with the next transaction.
    """
    found = [each for each, kind in inside.items() if kind == DATABASE]
    beside = {f"{each}{end}" for each in found for end in BESIDE}
    return [
        each for each, kind in inside.items() if each not in beside or kind not in (FILE, NOTHING)
    ]


def opened(path: Path, patience: float = PATIENCE, how: str = "mode=rw") -> sqlite3.Connection:
    """The database at *path*, which is not made where there is none."""
    address = f"file:{quote(os.fsencode(path.absolute()))}?{how}"
    found = sqlite3.connect(address, uri=True, timeout=patience, isolation_level=None)
    # What the schema of a stranger names is not to be run: https://www.sqlite.org/security.html
    found.execute("PRAGMA trusted_schema = OFF")
    found.execute("PRAGMA temp_store = MEMORY")
    return found


def save(
    path: Path, copy: Path, patience: float = PATIENCE, beat: Callable[[], None] = nothing
) -> None:
    """
    Make the file *copy*, which is there, the database at *path* as it was at one moment.

    By SQLite's own backup API, in a transaction that reads: who writes meanwhile waits, or is not
    in it.  Raises `Unsaved`.
    """
    until = [time.monotonic() + patience]

    def is_over(status: int, _left: int, _all: int) -> None:
        beat()
        if status in (0, 101):  # SQLITE_OK, SQLITE_DONE: it goes on
            until[0] = time.monotonic() + patience
        elif time.monotonic() > until[0]:
            raise Unsaved(f"it was locked for {patience:.0f} s (SQLite's status {status})")

    os.truncate(copy, 0)
    try:
        with closing(opened(path, patience)) as source, closing(opened(copy)) as target:
            target.execute("PRAGMA journal_mode = OFF")
            target.execute("PRAGMA synchronous = OFF")
            source.execute("BEGIN")
            source.execute("PRAGMA schema_version").fetchall()
            source.backup(target, pages=PAGES, progress=is_over, sleep=PAUSE)
    except (sqlite3.Error, OSError) as error:
        raise Unsaved(str(error)) from error


def refuse_full(path: Path, copy: Path) -> None:
    needed = sum(each.stat().st_size for each in (path, log_of(path)) if each.exists())
    found = os.statvfs(copy)
    free = found.f_bavail * found.f_frsize
    if needed + SPARE > free:
        why = f"a copy of it takes about {needed >> 20} MiB, and the server has {free >> 20} free"
        raise Unsaved(why, "make room on the server's disk")


def faults(path: Path, how: str = "mode=rw", beat: Callable[[], None] = nothing) -> List[str]:
    """What is wrong with the database at *path*; nothing where it is whole."""
    try:
        with closing(opened(path, how=how)) as database:
            database.set_progress_handler(beat, STEPS)
            told = checked(database)
    except (sqlite3.Error, Unsaved) as error:
        return [str(error)]
    return [] if told == ["ok"] else told


def refuse_damaged(copy: Path, beat: Callable[[], None]) -> None:
    if wrong := faults(copy, "immutable=1", beat):
        raise Unsaved("; ".join(wrong))


def checked(database: sqlite3.Connection) -> List[str]:
    """
    What SQLite says of it.

    An index may be made by an order or a function of the site's own: then all but it is checked.
    """
    check = "PRAGMA integrity_check(10)"
    for _ in range(OWN_ORDERS):
        try:
            return [row[0] for row in database.execute(check)]
        except sqlite3.OperationalError as error:
            _, found, name = str(error).partition("no such collation sequence: ")
            if found:
                database.create_collation(name, lambda one, two: (one > two) - (one < two))
            elif "unknown function" not in str(error) or "quick" in check:
                raise
            check = "PRAGMA quick_check(10)"
    raise Unsaved("it has too many orders of its own")


class Packing:
    """A tar archive (POSIX pax) of what is below a folder."""

    def __init__(self, top: Path, copy: Path, file: BinaryIO) -> None:
        self.top, self.copy = top, copy
        silence = tarfile.TarInfo.create_pax_global_header({"comment": "at work"})
        self.out = Out(file, silence)
        self.seen: Dict[Tuple[int, int], str] = {}

    def run(self) -> None:
        for path, kind, name in walk(self.top):
            self.out.beat()
            try:
                self.take(path, kind, name)
            except FileNotFoundError:
                continue  # removed since it was listed
        self.out.write(bytes(2 * BLOCK))
        self.out.file.flush()

    def take(self, path: Path, kind: str, name: str) -> None:
        info, found = tarfile.TarInfo(name), path.lstat()
        info.mode, info.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
        info.uid, info.gid = found.st_uid, found.st_gid
        first = self.seen.get((found.st_dev, found.st_ino))
        if kind in (FOLDER, PIPE, LINK):
            info.type = {FOLDER: tarfile.DIRTYPE, PIPE: tarfile.FIFOTYPE, LINK: tarfile.SYMTYPE}[
                kind
            ]
            info.linkname = os.fspath(path.readlink()) if kind == LINK else ""
            self.head(info)
        elif first:
            info.type, info.linkname = tarfile.LNKTYPE, first
            self.head(info)
        else:
            self.content(path, info)
            if found.st_nlink > 1:
                self.seen[found.st_dev, found.st_ino] = name

    def head(self, info: tarfile.TarInfo) -> None:
        self.out.write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))

    def content(self, path: Path, info: tarfile.TarInfo) -> None:
        """A file; one that changes meanwhile is put again, and the last one counts."""
        for number in range(TRIES):
            kind = kind_of(path)
            # What was an empty file may have become a database.
            if kind == DATABASE:
                self.database(path, info)
                return
            if number and kind != FILE:
                why = f"`{shown(info.name)}` changed while it was read, and is gone"
                raise Unsaved(why, "run the backup again")
            with reading(path) as file:
                began, before = time.time(), os.fstat(file.fileno())
                if not stat.S_ISREG(before.st_mode):
                    return
                parts = extents(file.fileno(), before.st_size)
                told = self.put(info, file, parts, before.st_size)
                if told and (
                    is_still(file, before, began) or self.digest(file, parts, before) == told
                ):
                    return
            if number and before.st_size > BIG:
                break
            time.sleep(PAUSE)
        raise Unsaved(
            f"`{shown(info.name)}` changed each time that it was read",
            "back the site up while it is stopped, or have it write a new file and rename that",
        )

    def database(self, path: Path, info: tarfile.TarInfo) -> None:
        hint = f"repair it (`sqlite3 {shown(info.name)} .recover`), or move it out of `data`"
        try:
            refuse_full(path, self.copy)
            save(path, self.copy, beat=self.out.beat)
            refuse_damaged(self.copy, self.out.beat)
        except Unsaved as error:
            if not path.exists():
                return
            if "locked" in str(error):
                hint = "end what holds it locked, or restart the site"
            if "is full" in str(error):
                hint = "make room on the server's disk"
            why = f"the SQLite database `{shown(info.name)}` is not saved: {error}"
            raise Unsaved(why, error.hint or hint) from error
        with reading(self.copy) as file:
            size = os.fstat(file.fileno()).st_size
            if not self.put(info, file, [(0, size)], size):
                raise Unsaved(f"the copy of `{shown(info.name)}` was cut short by somebody")
        os.truncate(self.copy, 0)

    def put(self, info: tarfile.TarInfo, file: BinaryIO, parts: Extents, size: int) -> bytes:
        """The digest of what was put; nothing if the file was shorter than it had said."""
        listed = b""
        head = tarfile.TarInfo(info.name)
        head.mode, head.mtime, head.uid, head.gid = info.mode, info.mtime, info.uid, info.gid
        if parts != [(0, size)]:
            # https://www.gnu.org/software/tar/manual/html_node/PAX-1.html
            listed = padded("".join(f"{each}\n" for each in numbers(parts)).encode())
            folder, _, name = info.name.rpartition("/")
            head.name = f"{folder}/GNUSparseFile.0/{name}"
            head.pax_headers = {
                "GNU.sparse.major": "1",
                "GNU.sparse.minor": "0",
                "GNU.sparse.name": info.name,
                "GNU.sparse.realsize": str(size),
            }
        length = sum(each for _, each in parts)
        head.size = len(listed) + length
        self.head(head)
        self.out.write(listed)
        digest = hashlib.sha256(repr(parts).encode())
        for piece in content(file, parts):
            digest.update(piece)
            length -= len(piece)
            self.out.write(piece)
        fill(self.out, length)
        self.out.write(bytes(-head.size % BLOCK))
        return b"" if length else digest.digest()

    def digest(self, file: BinaryIO, parts: Extents, before: os.stat_result) -> bytes:
        """As `put` tells it: twice the same is what stood there in between."""
        parts_now = extents(file.fileno(), before.st_size)
        digest = hashlib.sha256(repr(parts_now).encode())
        for piece in content(file, parts):
            digest.update(piece)
            self.out.beat()
        return digest.digest()


def is_still(file: BinaryIO, before: os.stat_result, began: float) -> bool:
    """Whether nobody has written to it since it *began* to be read, as its times tell."""
    now = os.fstat(file.fileno())
    same = (before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (
        now.st_size, now.st_mtime_ns, now.st_ctime_ns,
    )  # fmt: skip
    return same and began - now.st_ctime > FRESH


def extents(handle: int, size: int) -> Extents:
    """The offset and length of each part of a file that is no hole (lseek(2), SEEK_HOLE)."""
    if os.fstat(handle).st_blocks * BLOCK >= size:
        return [(0, size)]
    found, end = [], 0
    while end < size:
        try:
            start = os.lseek(handle, end, os.SEEK_DATA)
        except OSError:  # there is only a hole left
            break
        if start >= size:
            break
        end = min(os.lseek(handle, start, os.SEEK_HOLE), size)
        found.append((start, end - start))
    # Without a last one, tar(1) would end the file where its last data do.
    return [*found, (size, 0)]


def numbers(parts: Extents) -> Iterator[int]:
    yield len(parts)
    for offset, length in parts:
        yield offset
        yield length


def content(file: BinaryIO, parts: Extents) -> Iterator[bytes]:
    for offset, length in parts:
        at, end = offset, offset + length
        while at < end:
            piece = os.pread(file.fileno(), min(PIECE, end - at), at)
            if not piece:
                return
            at += len(piece)
            yield piece


def fill(out: Out, length: int) -> None:
    while length > 0:
        out.write(bytes(min(length, PIECE)))
        length -= PIECE


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % BLOCK)


def pack(top: Path, copy: Path) -> None:
    Packing(top, copy, sys.stdout.buffer).run()


def check(top: Path) -> None:
    """Tell the faults of each database below *top*."""
    out = Out(sys.stdout.buffer, b"\n")
    for path, kind, name in walk(top):
        out.beat()
        if kind == DATABASE:
            tell(out, name, faults(path, beat=out.beat))


def inspect(copy: Path) -> None:
    """Tell the faults of each database in the archive that is read; *copy* holds one at a time."""
    out = Out(sys.stdout.buffer, b"\n")
    beside: Dict[str, str] = {}
    names: Set[str] = set()
    heard: Any = Heard(sys.stdin.buffer, out)
    try:
        with tarfile.open(fileobj=heard, mode="r|") as archive:
            for member in archive:
                # Else it remembers all of them.
                archive.members = []  # type: ignore[attr-defined]
                names |= {member.name} if member.size else set()
                if member.isfile() and taken(archive, member, copy):
                    beside.update({f"{member.name}{end}": member.name for end in BESIDE})
                    tell(out, member.name, faults(copy, "immutable=1", out.beat))
    except (tarfile.TarError, EOFError) as error:
        raise Unsaved(f"the archive is torn: {error}", "take another backup") from error
    # Nobody knows whether these two are of one moment.
    for name in sorted(names & beside.keys()):
        tell(out, beside[name], [f"`{name}` was saved beside it, by an older version"])


def taken(archive: tarfile.TarFile, member: tarfile.TarInfo, copy: Path) -> bool:
    """Whether *member* is a database, which is in the file *copy* then."""
    file = archive.extractfile(member)
    piece = file.read(len(HEADER)) if file else b""
    if not file or piece != HEADER:
        return False
    with copy.open("r+b") as to:
        to.truncate(0)
        while piece:
            to.write(piece)
            piece = file.read(PIECE)
    return True


def tell(out: Out, name: str, wrong: List[str]) -> None:
    told: Told = {"path": readable(shown(name)), "faults": wrong}
    out.write(json.dumps(told).encode() + b"\n")
    out.file.flush()


def shown(name: str) -> str:
    """*name* as the owner knows it."""
    return f"data/{name[2:]}" if name.startswith("./") else name


def readable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def main(argv: List[str]) -> int:
    """`pack TOP COPY`, `check TOP` or `inspect COPY`; what cannot be done is said, with a hint."""
    act, *places = argv
    try:
        ACTS[act](*map(Path, places))
    except Unsaved as error:
        return refuse(str(error), error.hint)
    except OSError as error:
        what = error.filename if isinstance(error.filename, str) else "it"
        hint = "the site's user has to be able to read all of `data`"
        return refuse(f"`{what}` cannot be read: {error.strerror}", hint)
    return 0


def refuse(why: str, hint: str) -> int:
    sys.stderr.write("\n".join(readable(each).replace("\n", " ") for each in (why, hint)))
    return REFUSED


ACTS: Dict[str, Callable[..., None]] = {"pack": pack, "check": check, "inspect": inspect}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
