from __future__ import annotations

import base64
import hashlib

import pytest

from cinestream_ops.channel.hostkeys import HostKey, KnownHosts, Unvouched, record
from cinestream_ops.errors import ChangedHostKey, OpsError, UnknownHostKey

KEY = HostKey("ssh-ed25519", b"the key")
OTHER = HostKey("ssh-ed25519", b"another key")


def line(names, key=KEY):
    return f"{names} {key.type} {base64.b64encode(key.blob).decode()}"


@pytest.fixture
def known(tmp_path):
    """Writes a known_hosts file."""

    def written(*lines):
        file = tmp_path / "known_hosts"
        file.write_text("\n".join(lines))
        return KnownHosts((str(file),))

    return written


@pytest.mark.parametrize(
    "names",
    [
        "box.example",
        "BOX.example",
        "other,box.example",
        "*.example",
        "box.exampl?",
        "*.example,!bad.example",
    ],
)
def test_a_line_speaks_of_the_hosts_it_names(known, names):
    known(line(names)).check("box.example", KEY)


@pytest.mark.parametrize(
    "names",
    [
        "example",
        "[box.example]:22",
        "*.example,!box.example",
        "b[ox]x.example",
        "# box.example",
        "@cert-authority box.example",
        "|1|broken",
        "|1|a|b|c",
    ],
)
def test_a_line_speaks_of_no_other(known, names):
    with pytest.raises(UnknownHostKey):
        known(line(names, OTHER)).check("box.example", KEY)


def test_a_port_belongs_to_the_name(known):
    files = known(line("box.example"), line("[box.example]:2222", OTHER))

    files.check("[box.example]:2222", OTHER)

    with pytest.raises(ChangedHostKey):
        files.check("[box.example]:2222", KEY)


def test_any_of_several_keys_on_record_will_do(known):
    known(line("box", OTHER), "", "half a line", line("box")).check("box", KEY)


def test_the_fingerprint_is_the_one_that_ssh_keygen_prints():
    digest = base64.b64encode(hashlib.sha256(b"the key").digest()).decode()

    assert f"SHA256:{digest}".rstrip("=") == KEY.fingerprint


@pytest.mark.parametrize("hashed", [True, False])
def test_what_is_recorded_is_known(tmp_path, hashed):
    files = KnownHosts((str(tmp_path / "new/known_hosts"),), hashed)
    with pytest.raises(Unvouched) as unknown:
        files.check("[box]:2222", KEY)

    record(unknown.value)

    files.check("[box]:2222", KEY)
    assert 0o600 == (tmp_path / "new/known_hosts").stat().st_mode & 0o777


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "known_hosts").mkdir()

    with pytest.raises(OpsError) as refused:
        record(Unvouched("box", KEY, str(tmp_path / "known_hosts"), hashed=False))

    assert f"`{tmp_path}/known_hosts` cannot be written: Is a directory" == str(refused.value)
