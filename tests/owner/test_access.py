"""
Who gets in by SSH after a setup, and that no change of it shuts the owner out.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from socket import create_connection

import pytest

from tests.owner.conftest import Standing

FILE = "/etc/ssh/sshd_config.d/00-cinestream.conf"
# One more login gets in, and no other until our file has come and gone.
ONE = "tcp dport 22 ct state new limit rate over 1/hour burst 1 packets drop"
SHUT = f"nft 'table inet shut {{ chain input {{ type filter hook input priority 0; {ONE}; }}; }}'"
OPEN = f"""
for i in $(seq 600); do [ -e {FILE} ] && break; sleep 0.1; done
for i in $(seq 600); do [ -e {FILE} ] || break; sleep 0.1; done
nft delete table inet shut
"""


def sshd(standing: Standing) -> dict[str, str]:
    lines = standing.host.sh("sshd -T").splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


def test_keys_alone_log_in(rough: Standing):
    found = sshd(rough)
    asked = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    keyless = ["-o", "PubkeyAuthentication=no", "-o", "BatchMode=yes"]
    said = subprocess.run(
        ["ssh", "-F", "none", *asked, *keyless, f"root@{rough.host.lab.address}", "true"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ("no", "no", "no", "4") == tuple(
        found[name]
        for name in (
            "passwordauthentication", "kbdinteractiveauthentication", "x11forwarding", "maxauthtries",
        )
    )  # fmt: skip
    assert "Permission denied (publickey)." in said.stderr


def test_a_file_that_sshd_reads_before_ours_is_told_and_not_called_done(rough: Standing):
    theirs = "/etc/ssh/sshd_config.d/00-a.conf"
    with rough.host.meanwhile(f"echo 'X11Forwarding yes' >{theirs}", f"rm {theirs}"):
        pending = rough.owner.tries("plan --exit-code")
        said = rough.owner.tries("apply --yes")

    assert 4 == pending.code
    assert 1 == said.code
    assert f"sshd does not go by `{FILE}`: it has `x11forwarding yes`" in said.err
    assert "no" == sshd(rough)["x11forwarding"]
    assert 0 == rough.owner.tries("plan --exit-code").code


def test_files_of_sshds_that_let_in_no_key_are_told_before_they_count(rough: Standing):
    theirs = "/etc/ssh/sshd_config.d/mine.conf"
    rough.owner.types("setup --no-sshd --yes")
    with rough.host.meanwhile(f"echo 'AuthorizedKeysFile none' >{theirs}", f"rm {theirs}"):
        said = rough.owner.tries("setup --sshd --yes")

    assert 1 == said.code
    assert "sshd's files let in no key: they say `authorizedkeysfile none`" in said.err


def test_who_cannot_get_in_again_gets_the_old_rules_back(rough: Standing):
    rough.owner.types("setup --no-sshd --yes")
    assert "yes" == sshd(rough)["passwordauthentication"]
    rough.host.runs("systemd-run", "--quiet", "--unit=shut", "sh", "-c", OPEN)
    rough.host.sh(SHUT)

    said = rough.owner.tries("setup --sshd --yes")

    assert 1 == said.code
    assert "a second connection did not get in, so the change is undone" in said.err
    assert "yes" == sshd(rough)["passwordauthentication"]
    assert "gone" == rough.host.sh(f"ls {FILE} 2>/dev/null || echo gone")

    rough.owner.types("setup --sshd --yes")
    assert "no" == sshd(rough)["passwordauthentication"]


def test_who_said_no_is_not_asked_again(rough: Standing):
    rough.owner.types("setup --no-sshd --yes")
    rough.owner.types("setup --yes")

    assert "sshd = false" in rough.host.sh("cat /etc/cinestream/server.toml")
    assert "yes" == sshd(rough)["passwordauthentication"]
    rough.owner.types("setup --sshd --yes")


def reached(standing: Standing, port: int) -> bool:
    try:
        create_connection((standing.host.lab.address, port), 2).close()
    except OSError:
        return False
    return True


@pytest.fixture
def posted(rough: Standing) -> Iterator[Standing]:
    """A server on which something of the owner's is open to all, at 2525."""
    serve = "python3 -m http.server --bind 0.0.0.0 --directory /srv 2525"
    wait = "for i in $(seq 100); do ss -Hltn | grep -q :2525 && exit; sleep 0.1; done; exit 1"
    rough.host.sh(f"systemd-run --quiet --unit=post {serve}; {wait}")
    yield rough
    rough.owner.types("setup --no-inbound --yes")
    rough.host.runs("systemctl", "stop", "post")


def test_nothing_of_the_owners_is_closed_without_a_word(posted: Standing):
    said = posted.owner.tries("setup --inbound --yes")

    assert 1 == said.code
    assert "nobody would reach any more what listens on `2525/tcp` (`python3` (pid " in said.err
    assert reached(posted, 2525)


def test_nobody_connects_but_where_it_is_said(posted: Standing):
    open_now = [port for port in (22, 80, 443) if reached(posted, port)]

    posted.owner.types("setup --inbound --close 2525/tcp --yes")
    assert [22, 80, 443] == open_now
    assert [True, True, True, False] == [reached(posted, port) for port in (22, 80, 443, 2525)]
    assert 0 == posted.owner.types("plan --exit-code").code

    posted.owner.types("setup --open 2525/tcp --yes")
    assert reached(posted, 2525)
    assert 'open = [\n    "2525/tcp",\n]' in posted.host.sh("cat /etc/cinestream/server.toml")


def test_a_table_that_somebody_flushed_is_told_and_loaded_again(posted: Standing):
    posted.owner.types("setup --inbound --close 2525/tcp --yes")
    posted.host.runs("nft", "delete", "table", "inet", "cinestream_inbound")

    pending = posted.owner.tries("plan --exit-code")
    posted.owner.types("apply --yes")

    assert 4 == pending.code
    assert "load the nftables table `inet cinestream_inbound`" in pending.out
    assert not reached(posted, 2525)


def test_after_a_boot_the_same_are_let_in(posted: Standing):
    posted.owner.types("setup --inbound --close 2525/tcp --yes")
    posted.host.runs("systemctl", "restart", "cinestream-firewall")
    again = not reached(posted, 2525)
    posted.host.runs("systemctl", "restart", "nftables")

    assert again
    assert not reached(posted, 2525)
    assert reached(posted, 22)


def test_another_firewall_is_left_alone(rough: Standing):
    theirs = (
        "table inet mine { chain any { type filter hook input priority 0; policy drop; accept; }; }"
    )
    with rough.host.meanwhile(f"nft '{theirs}'", "nft delete table inet mine"):
        said = rough.owner.tries("setup --inbound --yes")

    assert 1 == said.code
    assert "the nftables table `inet mine` drops what comes in" in said.err
    rough.owner.types("setup --no-inbound --yes")
