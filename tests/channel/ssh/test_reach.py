from __future__ import annotations

import socket
from threading import Thread

import pytest

from cinestream_ops.channel import dial
from cinestream_ops.channel.ssh import ssh
from cinestream_ops.channel.target import Target
from cinestream_ops.errors import OpsError, Unreachable
from tests.channel.ssh.sshd import free_port

RELAY = """
import os, socket, sys, threading

def copy(read, write):
    while data := read(65536):
        write(data)

there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
copying = threading.Thread(target=copy, args=(lambda n: os.read(0, n), there.sendall), daemon=True)
copying.start()
copy(there.recv, lambda data: os.write(1, data))
"""


def never(unknown):
    raise AssertionError(f"asked about {unknown}")


def said(target):
    """What the program there says of the connection it was reached by."""
    with ssh(target, never, argv=["printenv", "SSH_CONNECTION"]) as (_, inbox):
        return inbox.readline().decode().split()


def hang_up_on_one(listening):
    listening.accept()[0].close()


def refusal(target):
    with pytest.raises(Unreachable) as refused:
        said(target)
    return str(refused.value), refused.value.hint


def test_a_port_where_nothing_listens_is_told():
    port = free_port()

    refused, hint = refusal(Target("box", "127.0.0.1", port))

    assert f"`127.0.0.1:{port}` refused the connection" == refused
    assert "nothing listens there: does sshd run, and is the port right?" == hint


def test_a_name_that_cannot_be_looked_up_is_told():
    refused, hint = refusal(Target("box", "nowhere.invalid"))

    assert refused.startswith("`nowhere.invalid` is not a name that can be looked up: ")
    assert "check its spelling, and whether its DNS record is there yet" == hint


def test_a_server_that_stays_silent_is_given_up():
    # A full backlog: the kernel drops what more arrives, as a firewall does.
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        address = (socket.AF_INET, full.getsockname())

        with pytest.raises(TimeoutError):
            dial.first_to_answer([address], 0.3)


def test_the_first_address_to_answer_is_taken(server):
    closed = (socket.AF_INET, ("127.0.0.1", free_port()))
    silent = (socket.AF_INET6, ("100::1", 22))  # RFC 6666: a block that discards
    open_one = (socket.AF_INET, ("127.0.0.1", server.target.port))

    with dial.first_to_answer([closed, silent, open_one], 5) as sock:
        reached = sock.getpeername()

    assert open_one[1] == reached


def test_a_port_that_speaks_something_else_is_told():
    with socket.create_server(("127.0.0.1", 0)) as web:
        port = web.getsockname()[1]
        Thread(target=hang_up_on_one, args=(web,), daemon=True).start()

        refused, hint = refusal(Target("box", "127.0.0.1", port))

    assert f"`127.0.0.1:{port}` does not speak SSH, or hung up before it did" == refused
    assert "is the port right? sshd also hangs up on machines that it has banned" == hint


def test_no_common_algorithm_is_told(another):
    old = another("Ciphers chacha20-poly1305@openssh.com")

    refused, _ = refusal(old.target)

    assert refused.startswith(
        f"`127.0.0.1:{old.target.port}` and this machine share no algorithm: "
    )


def test_a_jump_host_is_gone_through(server, another, home, ground):
    jump = another()
    known = home / ".ssh/known_hosts"
    known.write_text(
        f"{server.known_as} {ground.public('host')}\n{jump.known_as} {ground.public('host')}\n"
    )
    (home / ".ssh/config").write_text(
        f"IdentityFile {ground.key('owner')}\n"
        f"Host inner\n HostName 127.0.0.1\n Port {server.target.port}\n ProxyJump root@127.0.0.1:{jump.target.port}\n"
    )

    connection = said(Target("inner", "inner"))

    assert str(server.target.port) == connection[3]


def test_several_jump_hosts_are_gone_through_in_order(server, another, home, ground):
    first, second = another(), another()
    known = home / ".ssh/known_hosts"
    known.write_text(
        "".join(f"{each.known_as} {ground.public('host')}\n" for each in (server, first, second))
    )
    (home / ".ssh/config").write_text(
        f"IdentityFile {ground.key('owner')}\n"
        f"Host first\n HostName 127.0.0.1\n Port {first.target.port}\n"
        f"Host inner\n HostName 127.0.0.1\n Port {server.target.port}\n ProxyJump first,root@127.0.0.1:{second.target.port}\n"
    )

    connection = said(Target("inner", "inner"))

    assert str(server.target.port) == connection[3]


def test_a_jump_host_that_cannot_go_on_is_told(server, home, ground):
    port = free_port()
    (home / ".ssh/known_hosts").write_text(f"{server.known_as} {ground.public('host')}\n")
    (home / ".ssh/config").write_text(
        f"IdentityFile {ground.key('owner')}\n"
        f"Host inner\n HostName 127.0.0.1\n Port {port}\n ProxyJump 127.0.0.1:{server.target.port}\n"
    )

    refused, hint = refusal(Target("inner", "inner"))

    assert f"the jump host could not connect to `127.0.0.1:{port}`: Connect failed" == refused
    assert "try it from there; it may also forbid `AllowTcpForwarding`" == hint


def test_a_proxy_command_is_the_way(server, home, tmp_path):
    relay = tmp_path / "relay.py"
    relay.write_text(RELAY)
    (home / ".ssh/config").write_text(f"ProxyCommand python3 {relay} %h %p\n")

    connection = said(server.target)

    assert str(server.target.port) == connection[3]


def test_a_proxy_command_that_fails_is_told(server, home):
    (home / ".ssh/config").write_text("ProxyCommand false %h\n")

    refused, hint = refusal(server.target)

    assert (
        f"the way to `127.0.0.1:{server.target.port}` through `false 127.0.0.1` did not open"
        == refused
    )
    assert (
        "run that command by hand: it must answer with a line that begins with `SSH-2.0-`" == hint
    )


def test_ssh_config_names_everything_and_may_include_more(server, home, ground, tmp_path):
    (home / ".ssh/config").write_text("Include config.d/*\n")
    (home / ".ssh/config.d").mkdir()
    (home / ".ssh/config.d/box").write_text(
        f"Host box\n HostName 127.0.0.1\n Port {server.target.port}\n User root\n"
        f" IdentityFile {ground.key('owner')}\n IdentitiesOnly yes\n"
        f" UserKnownHostsFile {server.known(tmp_path / 'elsewhere')}\n"
    )

    connection = said(Target("box", "box"))

    assert str(server.target.port) == connection[3]


def test_each_unknown_host_on_the_way_is_asked_about(server, another, home, ground):
    jump = another()
    (home / ".ssh/config").write_text(
        f"IdentityFile {ground.key('owner')}\nHashKnownHosts no\n"
        f"Host inner\n HostName 127.0.0.1\n Port {server.target.port}\n"
        f" ProxyJump 127.0.0.1:{jump.target.port}\n"
    )
    asked = []

    with ssh(Target("inner", "inner"), lambda each: asked.append(each) or True, argv=["cat"]):
        pass

    assert [jump.known_as, server.known_as] == [each.address for each in asked]


def test_jump_hosts_in_a_circle_are_told(home):
    (home / ".ssh/config").write_text("Host a\n ProxyJump b\nHost b\n ProxyJump a\n")

    with pytest.raises(OpsError) as refused:
        said(Target("a", "a"))

    assert "the way to `a` has more than 8 jump hosts" == str(refused.value)
