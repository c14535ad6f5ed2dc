"""
Archives are taken only with the digest that was asked for, and never write outside their target.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cinestream_ops.agent import archives, releases, tars, trees
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Archive, Release
from cinestream_ops.state.steps import Step


class Blobs(Kit):
    """A kit of whatever files a test has uploaded, which remembers what it was told."""

    def __init__(self, home: Path, **blobs: bytes) -> None:
        for name, content in blobs.items():
            (home / name).write_bytes(content)
        self.told: list[str] = []
        super().__init__(home, self.hear, {name: home / name for name in blobs})

    def hear(self, _event, **details):
        self.told.append(details["text"])


def file(name: str, content: bytes = b"x", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    return member, content


def special(name: str, kind: bytes, aim: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, aim
    return member, b""


def tar(*members: tuple[tarfile.TarInfo, bytes], how: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=how) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


HOSTILE = {
    "an absolute path": [file("/etc/passwd")],
    "a path that climbs": [file("a/../../b")],
    "an absolute link": [special("a", tarfile.SYMTYPE, "/etc")],
    "a link that climbs out": [special("a/b", tarfile.SYMTYPE, "../../etc")],
    "a link that climbs in the middle": [
        special("x/y/l", tarfile.SYMTYPE, "../.."),
        special("m", tarfile.SYMTYPE, "x/y/l/../etc"),
    ],
    "a file below a link": [special("a", tarfile.SYMTYPE, "b"), file("b/c"), file("a/d")],
    "a hard link outside": [special("a", tarfile.LNKTYPE, "/etc/passwd")],
    "a hard link to a link": [
        special("a", tarfile.SYMTYPE, "a"),
        special("b", tarfile.LNKTYPE, "a"),
    ],
    "a device": [special("a", tarfile.CHRTYPE)],
    "a pipe": [special("a", tarfile.FIFOTYPE)],
    "the same file twice": [file("a"), file("a")],
    "a file where a folder is": [file("a/b"), file("a")],
    "our own marker": [file(".cinestream.json", b'{"blob": "blob"}')],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_archive_is_refused_and_leaves_nothing(tmp_path, members):
    kit = Blobs(tmp_path, blob=tar(*members))
    target = tmp_path / "srv" / "release"

    with pytest.raises(Refused):
        releases.do(Step("put", Release(str(target), "blob")), kit)

    assert [] == files(target.parent)
    assert ["blob", "srv"] == files(tmp_path)


@pytest.mark.parametrize("how", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_torn_archive_is_refused_and_leaves_nothing(tmp_path, how):
    whole = tar(*(file(f"a{n}", bytes(range(256)) * 40) for n in range(9)), how=how)
    kit = Blobs(tmp_path, blob=whole[: len(whole) // 2])

    with pytest.raises(Refused, match="torn"):
        releases.do(Step("put", Release(str(tmp_path / "r" / "a"), "blob")), kit)

    assert [] == files(tmp_path / "r")


def test_more_than_the_limit_is_refused_before_it_is_written(tmp_path):
    member = tarfile.TarInfo("big")
    member.size = tars.LIMIT + 1
    archive = tmp_path / "a.tar"
    archive.write_bytes(member.tobuf() + bytes(1024))
    (tmp_path / "out").mkdir()

    with pytest.raises(Refused, match="4 GiB"):
        list(tars.unpack(archive, tmp_path / "out"))

    assert [] == files(tmp_path / "out")


def test_a_release_has_its_files_links_and_mark(tmp_path):
    kit = Blobs(
        tmp_path,
        blob=tar(
            file("src/main.py", b"print()", 0o4755),
            file("src/secret", b"s", 0o600),
            special("src/link", tarfile.SYMTYPE, "../src/main.py"),
            special("src/hard", tarfile.LNKTYPE, "src/main.py"),
            special("empty", tarfile.DIRTYPE),
        ),
    )
    item = Release(str(tmp_path / "releases" / "1"), "blob")

    releases.do(Step("put", item), kit)

    path = Path(item.path)
    assert {item.key: item.mark} == trees.look([item])
    assert b"print()" == (path / "src/link").read_bytes() == (path / "src/hard").read_bytes()
    modes = {name: (path / name).stat().st_mode & 0o7777 for name in ("src/main.py", "src/secret")}
    assert {"src/main.py": 0o755, "src/secret": 0o644} == modes
    assert 0o755 == (path / "empty").stat().st_mode & 0o7777


def test_an_archive_loses_its_top_folder(tmp_path):
    content = tar(file("mongodb-6/bin/mongod", b"elf", 0o755), file("mongodb-6/README"))
    item = Archive(str(tmp_path / "versions" / "1"), sha256(content))

    archives.do(Step("put", item), Blobs(tmp_path, **{item.sha256: content}))

    assert [".cinestream.json", "README", "bin", "bin/mongod"] == files(Path(item.path))
    assert {item.key: item.mark} == trees.look([item])


def test_another_archive_is_refused_with_both_digests(tmp_path):
    expected = "0" * 64
    content = tar(file("a/b"))
    item = Archive(str(tmp_path / "versions" / "1"), expected)

    with pytest.raises(Refused) as refusal:
        archives.do(Step("put", item), Blobs(tmp_path, **{expected: content}))

    assert expected in refusal.value.why
    assert sha256(content) in refusal.value.why
    assert [expected] == files(tmp_path)


@pytest.fixture
def served():
    """Serves one body at any path; `/short` promises more than it gives."""
    content = tar(file("top/file", bytes(3 << 20)), how="w")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404 if self.path == "/missing" else 200)
            more = 99 if self.path == "/short" else 0
            self.send_header("Content-Length", str(len(content) + more))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}", sha256(content)
    server.shutdown()
    server.server_close()


def test_a_download_tells_how_far_it_is_and_leaves_only_the_tree(tmp_path, served):
    address, digest = served
    item = Archive(str(tmp_path / "versions" / "1"), digest, f"{address}/a.tar")
    kit = Blobs(tmp_path)

    archives.do(Step("put", item), kit)

    assert "downloading" in kit.told
    assert [] == files(tmp_path / "incoming")
    assert 3 << 20 == (tmp_path / "versions/1/file").stat().st_size


@pytest.mark.parametrize("path", ["missing", "short", "other"])
def test_a_bad_download_is_refused_and_leaves_nothing(tmp_path, served, path):
    address, digest = served
    digest = "0" * 64 if path == "other" else digest
    item = Archive(str(tmp_path / "versions" / "1"), digest, f"{address}/{path}")

    with pytest.raises(Refused, match=path):
        archives.do(Step("put", item), Blobs(tmp_path))

    assert ["incoming"] == files(tmp_path)


def test_a_half_made_tree_counts_as_absent_and_is_replaced(tmp_path):
    item = Release(str(tmp_path / "r" / "1"), "blob")
    Path(item.path).mkdir(parents=True)
    (Path(item.path) / "half").touch()
    before = trees.look([item])

    releases.do(Step("put", item), Blobs(tmp_path, blob=tar(file("whole"))))

    assert {item.key: None} == before
    assert [".cinestream.json", "whole"] == files(Path(item.path))


def test_what_stood_aside_comes_back_when_its_successor_fails(tmp_path):
    path = tmp_path / "venv"
    path.mkdir()
    (path / "old").touch()

    with pytest.raises(FileNotFoundError), trees.aside(path):
        (path / "new" / "file").touch()

    assert ["venv", "venv/old"] == files(tmp_path)
