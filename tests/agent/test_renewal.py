"""
A certificate that came by a renewal is looked at before nginx is told of it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cinestream_ops.agent import renewal
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused


def made(folder: Path, number: int, name: str, *by: str) -> Path:
    """A certificate of *name* with a key of its own, signed by itself or *by* the one named."""
    cert, key = folder / f"{name}{number}.crt", folder / f"{name}{number}.key"
    signed = ("-CA", f"{folder / by[0]}.crt", "-CAkey", f"{folder / by[0]}.key") if by else ()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "90", "-subj", f"/CN={name}", "-keyout", key, "-out", cert, *signed],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert


def version(home: Path, number: int, cert: Path, key: Path, chain: Path) -> None:
    """Version *number* of the lineage `blog`, which its links lead to from now on."""
    archive, live = home / "archive/blog", home / "live/blog"
    archive.mkdir(parents=True, exist_ok=True)
    live.mkdir(parents=True, exist_ok=True)
    texts = {"cert": cert.read_text(), "chain": chain.read_text(), "privkey": key.read_text()}
    texts["fullchain"] = texts["cert"] + texts["chain"]
    for name, text in texts.items():
        (archive / f"{name}{number}.pem").write_text(text)
        (live / f"{name}.pem").unlink(missing_ok=True)
        (live / f"{name}.pem").symlink_to(f"../../archive/blog/{name}{number}.pem")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made(tmp_path, 1, "authority")
    made(tmp_path, 2, "authority")
    for number in (1, 2):
        cert = made(tmp_path, number, "blog", "authority1")
        version(tmp_path, number, cert, cert.with_suffix(".key"), tmp_path / "authority1.crt")
    return tmp_path


def served(home: Path) -> set[str]:
    return {path.resolve().name for path in (home / "live/blog").iterdir()}


def test_a_good_one_stays(home: Path):
    renewal.refuse_unsound("blog", Kit(home), home / "live")

    assert {"cert2.pem", "chain2.pem", "fullchain2.pem", "privkey2.pem"} == served(home)


def test_one_for_another_key_is_put_back_to_the_one_before(home: Path):
    version(home, 2, home / "blog2.crt", home / "blog1.key", home / "authority1.crt")

    with pytest.raises(Refused, match="the one before stays: it is for another key"):
        renewal.refuse_unsound("blog", Kit(home), home / "live")

    assert {"cert1.pem", "chain1.pem", "fullchain1.pem", "privkey1.pem"} == served(home)
    assert [] == list((home / "archive/blog").glob("*2.pem"))


def test_one_with_the_chain_of_another_is_put_back_to_the_one_before(home: Path):
    version(home, 2, home / "blog2.crt", home / "blog2.key", home / "authority2.crt")

    with pytest.raises(Refused, match="the chain that came with it is another's"):
        renewal.refuse_unsound("blog", Kit(home), home / "live")

    assert {"cert1.pem", "chain1.pem", "fullchain1.pem", "privkey1.pem"} == served(home)


def test_a_step_back_that_was_broken_off_is_gone_on_with(home: Path):
    (home / "live/blog/cert.pem").unlink()
    (home / "live/blog/cert.pem").symlink_to("../../archive/blog/cert1.pem")

    with pytest.raises(Refused, match="the one before stays"):
        renewal.refuse_unsound("blog", Kit(home), home / "live")

    assert {"cert1.pem", "chain1.pem", "fullchain1.pem", "privkey1.pem"} == served(home)


def test_the_first_of_all_stays_for_want_of_another(home: Path):
    version(home, 1, home / "blog1.crt", home / "blog2.key", home / "authority1.crt")

    with pytest.raises(Refused):
        renewal.refuse_unsound("blog", Kit(home), home / "live")

    assert {"cert1.pem", "chain1.pem", "fullchain1.pem", "privkey1.pem"} == served(home)
