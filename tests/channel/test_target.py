from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinestream_ops.channel.target import Target, named, parse, this_machine
from cinestream_ops.errors import OpsError

HINT = "an address is `HOST`, `USER@HOST`, `USER@HOST:PORT` or `USER@[IPV6]:PORT`"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("box", Target("box", "box")),
        ("203.0.113.7", Target("203.0.113.7", "203.0.113.7")),
        ("admin@box.example", Target("box.example", "box.example", 0, "admin")),
        ("admin@box.example:2222", Target("box.example", "box.example", 2222, "admin")),
        ("2001:db8::1", Target("2001:db8::1", "2001:db8::1")),
        ("root@[2001:db8::1]:2222", Target("2001:db8::1", "2001:db8::1", 2222, "root")),
        ("[2001:db8::1]", Target("2001:db8::1", "2001:db8::1")),
        ("me@corp@jump:22", Target("jump", "jump", 22, "me@corp")),
    ],
)
def test_an_address_is_read_as_ssh_reads_it(text, expected):
    assert expected == parse(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "`` is not a host"),
        ("-oProxyCommand=id", "`-oProxyCommand=id` is not a host"),
        ("exa mple.com", "`exa mple.com` is not a host"),
        ("@box", "`` is not a user name"),
        ("-l@box", "`-l` is not a user name"),
        ("box:", "`` is not a port"),
        ("box:0", "`0` is not a port"),
        ("box:65536", "`65536` is not a port"),
        ("box:ssh", "`ssh` is not a port"),
        ("[2001:db8::1]22", "`22` is not a port"),
        ("[box]:22", "`box` is not IPv6"),
        ("1:2:3", "`1:2:3` is not IPv6"),
    ],
)
def test_what_is_not_an_address_is_refused_with_the_reason(text, why):
    with pytest.raises(OpsError) as refused:
        parse(text)

    assert f"`{text}` is not an address: {why}" == str(refused.value)
    assert HINT == refused.value.hint


@given(
    st.sampled_from(["box", "203.0.113.7", "2001:db8::1", "a.b.example"]),
    st.sampled_from(["", "root", "admin"]),
    st.integers(0, 65535),
)
def test_an_address_that_is_shown_can_be_read_again(host, user, port):
    target = Target(host, host, 0 if port == 22 else port, user)

    assert target == parse(target.address)


def test_this_machine_has_no_host():
    assert this_machine().local
    assert "this machine" == this_machine().address


@pytest.mark.parametrize("name", ["local", "", "-x", "a b", "x" * 65])
def test_some_names_are_not_for_servers(name):
    with pytest.raises(OpsError):
        named(name)
