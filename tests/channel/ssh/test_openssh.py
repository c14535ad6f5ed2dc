"""
Claims on the owner's own `ssh` in place of our SSH: it carries the same bytes, and its refusals are told.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import pytest

from cinestream_ops.channel.openssh import command, openssh
from cinestream_ops.channel.target import Target
from cinestream_ops.errors import OpsError, Unreachable
from tests.channel.ssh.test_root import WHO, needs_sudo

ECHO = ["cat"]


def said(target, argv=WHO):
    with openssh(target, argv=argv) as (_, inbox):
        return inbox.read().decode()


def refusal(target, argv=WHO):
    with pytest.raises(Unreachable) as refused:
        said(target, argv)
    return str(refused.value), refused.value.hint


def test_bytes_pass_as_they_are(server):
    told = os.urandom(1 << 15)  # as much as pipes hold, since nobody reads meanwhile

    with openssh(server.target, argv=ECHO) as (outbox, inbox):
        outbox.write(told[:1000])
        outbox.flush()
        first = inbox.read(1000)
        outbox.write(told[1000:])
        outbox.close()
        rest = inbox.read()

    assert told == first + rest


def test_a_key_in_an_agent_logs_in(server, tmp_path, monkeypatch):
    """As one on a security key does: nobody but `ssh` and the agent ever uses it."""
    told = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    found = dict(line.split(";")[0].split("=") for line in told.splitlines() if "=" in line)
    monkeypatch.setenv("SSH_AUTH_SOCK", found["SSH_AUTH_SOCK"])
    try:
        subprocess.run(["ssh-add", "-q", server.ground.key("owner")], check=True)

        assert "root\n" == said(server.but(identity_file=""))
    finally:
        subprocess.run(["kill", found["SSH_AGENT_PID"]], check=True)


@needs_sudo
def test_another_user_becomes_root_or_is_told_why_not(server):
    assert "root\n" == said(server.but(user="admin"))

    why, hint = refusal(server.but(user="guest"))
    assert "may not use sudo" in why
    assert "sudo -n true" in hint


def test_what_ssh_refuses_is_told(server, tmp_path):
    nobody = server.but(identity_file=server.ground.key("stranger"))
    unknown = server.but(known_hosts=str(tmp_path / "none"))
    changed = server.but(known_hosts=server.known(tmp_path / "other", "other_host"))

    assert "did not let `ssh` in" in refusal(nobody)[0]
    assert "that `ssh` does not know" in refusal(unknown)[0]
    assert "another host key than before" in refusal(changed)[0]
    assert "could not reach" in refusal(server.but(port=1))[0]


def test_a_program_that_is_not_there_is_told(server, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(OpsError, match="no `ssh` on this machine"):
        said(server.target)


def test_a_host_is_no_option_and_no_connection_is_shared():
    words = command(replace(Target("x", "h"), user="u"))

    assert ["-l", "u", "--", "h"] == words[-4:]
    assert {"-oControlPath=none", "-oBatchMode=yes"} <= {*words}
