"""
A source tree becomes the same release wherever and whenever it is packed.
"""

import gzip
import io
import os
import subprocess
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from cinestream_ops.engine.source import SourceError, read_source
from cinestream_ops.errors import OpsError
from cinestream_ops.spec import toml

TREE = {"app.py": "app = print\n", "pkg/__init__.py": "", "pkg/page.html": "<p>", "run.sh": "ls\n"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    for name, text in TREE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "run.sh").chmod(0o700)
    return root


def read(root: Path | str, workdir: Path = Path(), **options):
    return read_source(str(root), wsgi="app:app", workdir=workdir, **options)


def content(source, digest: str) -> bytes:
    """An upload, as it is sent."""
    blob = source.uploads[digest]
    return blob if isinstance(blob, bytes) else b"".join(blob.chunks())


def members(source) -> dict[str, int]:
    with tarfile.open(fileobj=io.BytesIO(content(source, source.release))) as archive:
        return {member.name: member.mode for member in archive}


def test_a_tree_is_packed_whole_with_only_what_is_executable_executable(tree):
    packed = members(read(tree))

    assert dict.fromkeys(TREE, 0o644) | {"run.sh": 0o755} == packed


def test_the_same_tree_has_the_same_digest_at_any_time_of_day(tree):
    before = read(tree).release
    os.utime(tree / "app.py", (1, 1))

    assert before == read(tree).release


def test_secrets_caches_and_history_stay_at_home(tree):
    for name in (".env", "prod.env", ".git/config", "pkg/__pycache__/a.pyc", ".venv/bin/python"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("canary")

    assert TREE.keys() == members(read(tree)).keys()


@pytest.fixture
def styled(tree: Path) -> Path:
    """The tree with files that nginx serves."""
    (tree / "site.toml").write_text('[static]\ndirectory = "pkg/static"\n')
    (tree / "pkg/static").mkdir()
    (tree / "pkg/static/site.css").write_text("a { color: red }\n" * 100)
    return tree


def test_beside_a_static_file_lies_a_compressed_one(styled):
    source = read(styled)

    with tarfile.open(fileobj=io.BytesIO(content(source, source.release))) as archive:
        smaller = archive.extractfile("pkg/static/site.css.gz").read()
    assert (styled / "pkg/static/site.css").read_bytes() == gzip.decompress(smaller)
    assert not list(styled.rglob("*.gz"))


def test_nothing_is_compressed_that_is_not_static_or_gains_nothing(styled):
    (styled / "pkg/other.css").write_text("a { color: red }\n" * 100)
    (styled / "pkg/static/photo.jpg").write_bytes(b"\xff\xd8" * 2000)
    (styled / "pkg/static/tiny.css").write_text("a {}\n")

    packed = members(read(styled))

    assert {"pkg/static/site.css.gz"} == {name for name in packed if name.endswith(".gz")}


def test_what_the_owner_compressed_is_left_as_it_is(styled):
    (styled / "pkg/static/site.css.gz").write_bytes(b"the owner's own")

    source = read(styled)

    with tarfile.open(fileobj=io.BytesIO(content(source, source.release))) as archive:
        assert 1 == archive.getnames().count("pkg/static/site.css.gz")
        assert b"the owner's own" == archive.extractfile("pkg/static/site.css.gz").read()


def test_compressed_files_change_no_digest_by_themselves(styled):
    before = read(styled).release
    os.utime(styled / "pkg/static/site.css", (1, 1))

    assert before == read(styled).release


def test_a_link_that_leads_out_of_the_tree_is_refused(tree):
    (tree / "passwd").symlink_to("/etc/passwd")

    with pytest.raises(SourceError, match="is a link that leads out of"):
        read(tree)


def test_a_git_url_is_cloned_on_the_owners_machine(tree, tmp_path):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-C", str(tree)]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *words], check=True)

    assert read(tree).release == read(f"file://{tree}", tmp_path).release


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("/nowhere", "`/nowhere` is not a directory"),
        ("file:///nowhere.git", "could not be cloned"),
    ],
)
def test_a_source_that_is_not_there_is_named(source, said, tmp_path):
    with pytest.raises(SourceError, match=said):
        read(source, tmp_path)


def test_a_source_without_the_named_module_is_refused_at_home(tree):
    with pytest.raises(SourceError, match=r"has no module `blog\.wsgi`"):
        read_source(str(tree), wsgi="blog.wsgi:app", workdir=Path())


@pytest.mark.parametrize(
    "address",
    ["https://t0ken@127.0.0.1:1/x.git", "https://me:t0ken@127.0.0.1:1/x", "ssh://git:t0ken@h/x"],
)
def test_an_address_with_a_token_in_it_is_refused_and_not_shown(address, tmp_path):
    with pytest.raises(SourceError) as raised:
        read(address, tmp_path)

    assert "t0ken" not in f"{raised.value}{raised.value.hint}"
    assert "credential helper" in raised.value.hint


def test_a_token_of_gits_own_settings_is_not_shown_when_git_fails(tmp_path, monkeypatch):
    settings = '[url "https://t0ken@127.0.0.1:1/"]\n insteadOf = https://code.example/\n'
    (tmp_path / "gitconfig").write_text(settings)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))

    with pytest.raises(SourceError, match="could not be cloned") as raised:
        read("https://code.example/x.git", tmp_path)

    assert "127.0.0.1" in str(raised.value)
    assert "t0ken" not in str(raised.value)


def test_a_token_in_a_spec_of_before_is_dropped():
    site = toml.site("shop", {"port": 8001, "source": "https://t0ken@h/x", "wsgi": "a:b"})

    assert "https://h/x" == site.source


def test_however_big_a_source_is_little_memory_is_taken(styled):
    (styled / "film.mp4").write_bytes(b"")
    os.truncate(styled / "film.mp4", 64 << 20)
    (styled / "pkg/static/data.json").write_bytes(b"")
    os.truncate(styled / "pkg/static/data.json", 64 << 20)
    tracemalloc.start()

    source = read(styled)
    for _ in source.uploads[source.release].chunks():
        pass

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert source.size > 128 << 20
    assert peak < 8 << 20


def test_a_clone_tells_its_commit(tree, tmp_path):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-C", str(tree)]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *words], check=True)

    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)

    assert head.stdout.strip() == read(f"file://{tree}", tmp_path).commit


@pytest.mark.parametrize("told", ['"x"', "[1]", '["nothing"]', '["../x"]'])
def test_an_include_that_is_none_is_refused(tree, told):
    (tree / "site.toml").write_text(f"[source]\ninclude = {told}\n")

    with pytest.raises(OpsError, match=r"include|the source has no"):
        read(tree)


def test_what_the_source_includes_is_sent_although_git_ignores_it(tree):
    (tree / "site.toml").write_text('[source]\ninclude = ["dist/"]\n')
    (tree / ".gitignore").write_text("dist/\n")
    (tree / "dist").mkdir()
    (tree / "dist/a.js").write_text("x")

    assert "dist/a.js" in members(read(tree))


def test_requirements_without_hashes_take_the_runner_without_hashes(tree):
    (tree / "requirements.txt").write_text("flask>=3\n")

    source = read(tree)

    text = source.uploads[source.requirements].decode()
    assert text.startswith("flask>=3\n")
    assert "cheroot==" in text
    assert "--hash" not in text


def test_hashed_requirements_take_the_runner_with_its_hashes(tree):
    (tree / "requirements.txt").write_text("flask==3.1.3 --hash=sha256:00\n")

    source = read(tree)

    assert b"cheroot==" in source.uploads[source.requirements]
    assert source.uploads[source.requirements].count(b"--hash") > 1


def test_a_site_without_requirements_gets_the_runner_alone(tree):
    source = read(tree)

    assert source.uploads[source.requirements].startswith(b"cheroot==")


def test_the_bundled_tenant_tells_what_its_workers_need():
    assert read_source("bundled", wsgi="").defaults["memory"] > 0


def test_the_bundled_tenant_tells_nginx_what_to_limit_and_to_keep():
    told = read_source("bundled", wsgi="").defaults
    site = toml.site("movies", {"port": 8001, "limits": told["limits"], "caches": told["caches"]})

    assert [("/api/scrape", "POST")] == [(limit.path, limit.method) for limit in site.limits]
    assert [("/", "cinestream")] == [(cache.path, cache.unless_cookie) for cache in site.caches]
