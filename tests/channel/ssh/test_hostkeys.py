from __future__ import annotations

import subprocess

import pytest

from cinestream_ops.channel.ssh import ssh
from cinestream_ops.errors import ChangedHostKey, UnknownHostKey

ECHO = ["cat"]


def never(unknown):
    raise AssertionError(f"asked about {unknown}")


def meets(target, ask=never):
    with ssh(target, ask, argv=ECHO):
        return True


def test_an_unknown_key_is_shown_and_refused_when_the_owner_says_no(server, ground, tmp_path):
    shown = []
    target = server.but(known_hosts=str(tmp_path / "known"))

    with pytest.raises(UnknownHostKey) as refused:
        meets(target, lambda unknown: shown.append(unknown) or False)

    assert (
        f"`{server.known_as}` shows an unknown ED25519 host key {ground.fingerprint('host')}"
        == str(refused.value)
    )
    assert [(server.known_as, "ED25519", ground.fingerprint("host"))] == [
        (each.address, each.key_type, each.fingerprint) for each in shown
    ]
    assert not (tmp_path / "known").exists()


def test_a_key_the_owner_vouches_for_is_recorded_and_never_asked_about_again(server, home, ground):
    known = home / ".ssh/known_hosts"
    (home / ".ssh/config").write_text("HashKnownHosts no\n")
    known.write_text("# no newline at the end")
    target = server.but(known_hosts="")
    meets(target, lambda _: True)

    assert meets(target)
    assert (
        f"# no newline at the end\n{server.known_as} {ground.public('host')}\n" == known.read_text()
    )


def test_names_are_hashed_where_the_owner_hashes_them(server, home):
    known = home / ".ssh/known_hosts"
    (home / ".ssh/config").write_text("HashKnownHosts yes\n")
    target = server.but(known_hosts="")
    meets(target, lambda _: True)

    argv = ["ssh-keygen", "-F", server.known_as, "-f", str(known)]
    found = subprocess.run(argv, check=False, capture_output=True, text=True)

    assert known.read_text().startswith("|1|")
    assert 0 == found.returncode
    assert meets(target)


def test_names_that_ssh_keygen_hashed_are_read(server, tmp_path):
    known = tmp_path / "known"
    server.known(known)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)

    assert known.read_text().startswith("|1|")
    assert meets(server.but(known_hosts=str(known)))


def test_a_changed_key_is_told_with_its_line_and_never_asked_about(server, ground, tmp_path):
    known = tmp_path / "known"
    known.write_text(
        f"# comment\nother.example {ground.public('host')}\n{server.known_as} {ground.public('other_host')}\n"
    )

    with pytest.raises(ChangedHostKey) as refused:
        meets(server.but(known_hosts=str(known)))

    assert (
        f"`{server.known_as}` shows the ED25519 host key {ground.fingerprint('host')}, "
        f"and not the ED25519 key on record (`{known}`, line 3)"
    ) == str(refused.value)


def test_a_key_of_another_type_is_a_changed_key(server, ground, tmp_path):
    known = server.known(tmp_path / "known", "host_ecdsa")

    with pytest.raises(ChangedHostKey) as refused:
        meets(server.but(known_hosts=known))

    assert (
        f"`{server.known_as}` shows the ED25519 host key {ground.fingerprint('host')}, "
        f"and not the ECDSA key on record (`{known}`, line 1)"
    ) == str(refused.value)


def test_a_server_with_several_keys_shows_the_one_on_record(another, ground, tmp_path):
    several = another(f"HostKey {ground.key('host_ecdsa')}")

    assert meets(several.but(known_hosts=several.known(tmp_path / "known", "host_ecdsa")))


def test_a_revoked_key_is_refused(server, ground, tmp_path):
    known = tmp_path / "known"
    line = f"{server.known_as} {ground.public('host')}\n"
    known.write_text(f"{line}@revoked {line}")

    with pytest.raises(ChangedHostKey) as refused:
        meets(server.but(known_hosts=str(known)))

    assert (
        f"`{server.known_as}` shows the host key {ground.fingerprint('host')}, "
        f"which `{known}`, line 2 revokes"
    ) == str(refused.value)
