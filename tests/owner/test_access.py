"""
Who gets in by SSH after a setup, and that no change of it shuts the owner out.
"""

from __future__ import annotations

import subprocess

from tests.owner.conftest import Standing

FILE = "/etc/ssh/sshd_config.d/00-cinestream.conf"
# One more login gets in, and no other until our file has come and gone.
ONE = "tcp dport 22 ct state new limit rate over 1/hour burst 1 packets drop"
SHUT = f"nft 'table inet shut {{ chain input {{ type filter hook input priority 0; {ONE}; }} }}'"
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
