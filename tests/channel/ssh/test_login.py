from __future__ import annotations

import base64
import os
import signal
import struct
import subprocess

import pytest

from cinestream_ops.channel.ssh import ssh
from cinestream_ops.errors import Unreachable
from tests.channel.ssh.sshd import PASSPHRASE


def never(unknown):
    raise AssertionError(f"asked about {unknown}")


def meets(target, **more):
    with ssh(target, never, argv=["cat"], **more):
        return True


def refusal(target, **more):
    with pytest.raises(Unreachable) as refused:
        meets(target, **more)
    return str(refused.value), refused.value.hint


@pytest.fixture
def agent(tmp_path, monkeypatch, ground):
    """Starts a real ssh-agent that holds the keys it is given."""
    sock = tmp_path / "agent"
    argv = ["ssh-agent", "-D", "-a", str(sock)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as started:
        started.stdout.readline()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(sock))

        def holding(*names):
            for name in names:
                subprocess.run(
                    ["ssh-add", "-q", ground.key(name)], check=True, stdin=subprocess.DEVNULL
                )

        yield holding
        os.kill(started.pid, signal.SIGTERM)


def test_a_refused_key_is_named_with_the_way_forward(server, ground):
    port = server.target.port

    refused, hint = refusal(server.but(identity_file=ground.key("stranger")))

    assert f"`root@127.0.0.1:{port}` refused every key: `{ground.key('stranger')}`" == refused
    assert (
        f"put one on the server with `ssh-copy-id -p {port} root@127.0.0.1`, "
        "or name another with `--identity-file FILE`"
    ) == hint


def test_an_owner_without_keys_is_told_to_make_one(server):
    port = server.target.port

    refused, hint = refusal(server.but(identity_file=""))

    assert f"there is no SSH key to show to `root@127.0.0.1:{port}`" == refused
    assert (
        f"make one with `ssh-keygen -t ed25519`, then `ssh-copy-id -p {port} root@127.0.0.1`"
        == hint
    )


def test_the_default_keys_are_tried(server, ground, home):
    (home / ".ssh/id_ed25519").write_text((ground.home / "owner").read_text())

    assert meets(server.but(identity_file=""))


def test_every_key_that_was_tried_is_listed(server, ground, home, agent):
    agent("stranger")
    (home / ".ssh/id_ed25519").write_text((ground.home / "stranger").read_text())

    refused, _ = refusal(server.but(identity_file=""))

    assert (
        f"`root@127.0.0.1:{server.target.port}` refused every key: "
        "`stranger` of ssh-agent, `~/.ssh/id_ed25519`"
    ) == refused


def test_a_key_of_the_agent_is_taken(server, agent):
    agent("stranger", "owner")

    assert meets(server.but(identity_file=""))


def test_a_locked_key_that_the_agent_has_open_needs_no_passphrase(server, ground, agent, tmp_path):
    unlocked = tmp_path / "unlocked"
    unlocked.write_bytes((ground.home / "locked").read_bytes())
    unlocked.chmod(0o600)
    change = ["ssh-keygen", "-q", "-p", "-P", PASSPHRASE, "-N", "", "-f", str(unlocked)]
    subprocess.run(change, check=True, capture_output=True)
    agent()
    subprocess.run(["ssh-add", "-q", unlocked], check=True)

    assert meets(server.but(identity_file=ground.key("locked")))


def test_too_many_keys_are_told_as_such(another, ground, agent):
    strict = another("MaxAuthTries 1")
    agent("stranger", "owner")

    refused, hint = refusal(strict.but(identity_file=""))

    assert f"`root@127.0.0.1:{strict.target.port}` hung up after `stranger` of ssh-agent" == refused
    assert (
        "too many keys may have been tried: name the right one with `--identity-file FILE`" == hint
    )


def test_the_passphrase_of_a_locked_key_is_asked_for(server, ground):
    asked = []

    assert meets(
        server.but(identity_file=ground.key("locked")),
        passphrase=lambda path: asked.append(path) or PASSPHRASE,
    )
    assert [ground.key("locked")] == asked


def test_a_wrong_passphrase_is_asked_for_three_times(server, ground):
    asked = []

    refused, _ = refusal(
        server.but(identity_file=ground.key("locked")),
        passphrase=lambda path: asked.append(path) or "wrong",
    )

    assert f"the key `{ground.key('locked')}` does not open with that passphrase" == refused
    assert 3 == len(asked)


def test_a_locked_key_without_a_passphrase_is_told(server, ground):
    refused, hint = refusal(server.but(identity_file=ground.key("locked")))

    assert f"the key `{ground.key('locked')}` is locked with a passphrase" == refused
    assert "`ssh-add` hands it to your ssh-agent, which then answers for you" == hint


def test_a_key_file_that_is_not_there_is_told(server, tmp_path):
    refused, _ = refusal(server.but(identity_file=str(tmp_path / "none")))

    assert f"the key `{tmp_path}/none` cannot be read: No such file or directory" == refused


def test_a_file_that_is_no_key_is_told(server, tmp_path):
    (tmp_path / "junk").write_text("junk")

    refused, _ = refusal(server.but(identity_file=str(tmp_path / "junk")))

    assert f"the key `{tmp_path}/junk` cannot be read: it is not a private key" == refused


def test_a_server_that_wants_more_than_a_key_is_told(another):
    strict = another("AuthenticationMethods publickey,password", "PasswordAuthentication yes")

    refused, hint = refusal(strict.target)

    assert (
        f"`root@127.0.0.1:{strict.target.port}` does not let anybody in with a key alone, "
        "only with password"
    ) == refused
    assert "allow `PubkeyAuthentication` in its `sshd_config`" == hint


def test_identities_only_keeps_the_agents_other_keys_back(server, ground, home, agent):
    agent("owner")
    (home / ".ssh/config").write_text(
        f"IdentitiesOnly yes\nIdentityFile {ground.key('stranger')}\n"
    )

    refused, _ = refusal(server.but(identity_file=""))

    assert refused.endswith(f"refused every key: `{ground.key('stranger')}`")


def test_a_public_key_alone_picks_the_agents_key(server, ground, home, agent):
    agent("stranger", "owner")
    public = f"{ground.key('owner')}.pub"
    (home / ".ssh/config").write_text(f"IdentitiesOnly yes\nIdentityFile {public}\n")

    assert meets(server.but(identity_file=""))


SK = b"sk-ssh-ed25519@openssh.com"


def string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def security_key(path) -> str:
    """A private key whose secret is in hardware (OpenSSH, PROTOCOL.u2f and PROTOCOL.key)."""
    public = string(SK) + string(bytes(range(32))) + string(b"ssh:")
    private = bytes(8) + public + b"\x01" + string(b"handle") + string(b"") + string(b"yubi")
    private += bytes(range(1, 1 + -len(private) % 8))
    head = b"openssh-key-v1\0" + string(b"none") + string(b"none") + string(b"")
    whole = head + struct.pack(">I", 1) + string(public) + string(private)
    text = base64.encodebytes(whole).decode()
    path.write_text(
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}-----END OPENSSH PRIVATE KEY-----\n"
    )
    path.chmod(0o600)
    path.with_suffix(".pub").write_text(f"{SK.decode()} {base64.b64encode(public).decode()} yubi\n")
    return str(path)


def test_a_key_in_hardware_is_passed_over_for_the_next(server, ground, home):
    config = f"IdentityFile {security_key(home / 'hard')}\nIdentityFile {ground.key('owner')}\n"
    (home / ".ssh/config").write_text(config)

    assert meets(server.but(identity_file=""))


def test_a_key_in_hardware_alone_is_named(server, home):
    port = server.target.port
    (home / ".ssh/config").write_text(f"IdentityFile {security_key(home / 'hard')}\n")

    refused, hint = refusal(server.but(identity_file=""))

    assert (
        f"there is no SSH key for `root@127.0.0.1:{port}` that can be used "
        "(`~/hard` passed over: no key that can be used here)"
    ) == refused
    assert "`ssh` alone" in hint


def test_a_key_in_hardware_that_the_agent_has_is_passed_over(server, ground, home, agent):
    agent()
    subprocess.run(["ssh-add", "-q", security_key(home / "hard")], check=True)
    agent("owner")

    assert meets(server.but(identity_file=""))


def test_what_a_cloud_image_answers_is_told(another, ground):
    said = 'Please login as the user "debian" rather than the user "root".'
    cloud = another(f"ForceCommand echo '{said}'; echo; exit 142")

    refused, hint = refusal(cloud.target)

    assert f"`root@127.0.0.1:{cloud.target.port}` let us in and ran nothing: {said}" == refused
    assert "log in as `debian`: `debian@127.0.0.1` is its address" == hint
