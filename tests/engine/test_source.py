"""
A source tree becomes the same release wherever and whenever it is packed.
"""

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from cinestream_ops.engine.source import SourceError, read_source
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


def members(source) -> dict[str, int]:
    with tarfile.open(fileobj=io.BytesIO(source.uploads[source.release])) as archive:
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

    with tarfile.open(fileobj=io.BytesIO(source.uploads[source.release])) as archive:
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

    with tarfile.open(fileobj=io.BytesIO(source.uploads[source.release])) as archive:
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
