"""
The server's own files are read as their manuals describe them.
"""

from __future__ import annotations

from dataclasses import fields

import pytest

from cinestream_ops.agent import machine
from cinestream_ops.state.facts import Machine

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 4
     |-- 10.77.2.0
        /24 link UNICAST
     |-- 10.77.2.2
        /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 10.77.2.255
        /32 link BROADCAST
"""

IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fe800000000000000000000000000001 02 40 20 80     eth0
20010db8000000000000000000000002 02 40 00 80     eth0
"""

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1
   1: 0100007F:1F42 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 1235 1
"""


def test_machine_has_exactly_the_fields_both_sides_speak():
    assert {field.name for field in fields(Machine)} == set(machine.machine())


def test_only_addresses_that_others_can_reach_are_told():
    assert ["10.77.2.2"] == machine.ipv4(FIB_TRIE)
    assert ["2001:db8::2"] == machine.ipv6(IF_INET6)


def test_a_connection_is_not_a_listener():
    assert [8001] == machine.ports(TCP)


@pytest.mark.parametrize(
    ("debian", "upstream"),
    [
        ("1.22.1-9+deb12u1", "1.22.1"),
        ("1.18.0-6ubuntu14.4", "1.18.0"),
        ("1:1.26.3-1~bookworm", "1.26.3"),
        ("", ""),
    ],
)
def test_the_upstream_version_is_what_nginx_calls_itself(debian, upstream):
    assert upstream == machine.upstream_version(debian)


def test_os_release_values_lose_their_quotes():
    content = 'ID=debian\nVERSION_ID="12"\n# comment\nPRETTY_NAME="Debian GNU/Linux 12"\n'

    found = machine.os_release(content)

    assert {"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12"} == found


def test_an_old_processor_has_no_avx():
    assert not machine.has_avx("x86_64", "flags\t\t: fpu sse4_2 avxish\n")
    assert machine.has_avx("x86_64", "flags\t\t: fpu avx avx2\n")
    assert machine.has_avx("aarch64", "Features\t: fp asimd\n")
