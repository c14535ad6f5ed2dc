"""
What a lab promises, seen on real ones.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cinestream_ops import lab
from cinestream_ops.errors import OpsError
from cinestream_ops.lab import cgroups, homes, network
from cinestream_ops.lab.faults import BadName, NoSuchLab, SuiteTaken, UnknownSuite
from cinestream_ops.lab.recipes import SUITES

UP = "import sys; from cinestream_ops import lab; lab.up(sys.argv[1], report=print)"


# A server


def test_systemd_is_up_and_no_unit_has_failed(each_server):
    state = each_server.run("systemctl is-system-running; systemctl --failed --no-legend")

    assert "running" == state


def test_it_is_the_suite_that_was_asked_for(each_server):
    codename = each_server.run(". /etc/os-release; echo $VERSION_CODENAME")

    assert each_server.lab.suite == codename


def test_it_is_bare(fresh_server):
    found = fresh_server.ssh("command -v nginx certbot mongod nft pip uv; ls -A /opt")

    assert "" == found.stdout


def test_it_has_what_a_server_has(each_server):
    tools = "python3 sshd systemctl ip ps curl sudo crontab"

    assert len(tools.split()) == len(each_server.run(f"command -v {tools}").splitlines())


def test_it_knows_its_own_name(server):
    assert server.lab.name == server.run("hostname; getent hosts $(hostname)").split()[0]


# Who may log in


def test_a_server_that_shows_another_host_key_is_not_spoken_to(server, tmp_path):
    other = Path(f"{server.lab.identity_file}.pub").read_text()
    known = tmp_path / "known_hosts"
    known.write_text(f"{server.lab.address} {other}")

    met = replace(server, lab=replace(server.lab, known_hosts=str(known))).ssh("true")

    assert "Host key verification failed" in met.stderr


def test_root_and_admin_are_root_and_nosudo_is_not(each_server):
    powers = {
        user: each_server.ssh("sudo -n id -u", user=user).stdout.strip()
        for user in ("root", "admin", "nosudo")
    }

    assert {"root": "0", "admin": "0", "nosudo": ""} == powers


def test_the_words_of_a_command_are_kept_apart(server):
    assert "a  b|$HOME" == server.ssh("printf", "%s|%s", "a  b", "$HOME").stdout


# Packages


def test_apt_installs_through_the_gateway(each_server):
    each_server.run("apt-get update -qq && apt-get install -qq -y hello")

    assert "Hello, world!" == each_server.run("hello")


def test_what_a_host_of_sites_needs_is_at_hand(server):
    needed = "nginx-light certbot nftables python3-venv ssl-cert unattended-upgrades logrotate"

    told = server.run(
        f"apt-get install --simulate --print-uris -y {needed} | grep -c '^.http' || :"
    )

    assert "0" == told


@pytest.mark.slow
def test_pip_and_uv_install_through_the_gateway(each_server):
    each_server.run("apt-get install -qq -y --no-install-recommends python3-venv")
    each_server.run("python3 -m venv /opt/venv && /opt/venv/bin/pip install -q uv")

    each_server.run("/opt/venv/bin/uv pip install -q -p /opt/venv/bin/python bottle")

    assert "bottle" == each_server.run(
        "/opt/venv/bin/python -c 'import bottle as b; print(b.__name__)'"
    )


def test_the_gateway_leads_nowhere_else(server):
    ask = "curl -s -o /dev/null -w '%{http_code}\\n'"

    codes = server.run(
        f"{ask} -x http://{server.host}:8080 http://elsewhere.example/;"
        f"{ask} http://{server.host}:8080/files/https/elsewhere.example/etc/passwd;"
        f"{ask} http://{server.host}:8080/../../etc/passwd --path-as-is"
    )

    assert ["403", "403", "403"] == codes.split()


def test_there_is_no_way_out(server):
    assert "" == server.run("ip route show default")


# The ACME authority, and the names that lead to the server


def test_the_acme_directory_is_trusted_by_curl_and_by_python(each_server):
    url = each_server.lab.acme_directory
    python = f"import urllib.request as u; print(u.urlopen('{url}').status)"

    codes = each_server.run(
        f"curl -sS -o /dev/null -w '%{{http_code}} ' {url}; python3 -c \"{python}\""
    )

    assert "200 200" == codes


def test_the_issuing_root_is_at_hand(server):
    assert Path(server.lab.acme_root).read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_every_name_leads_to_the_server_until_told_otherwise(server):
    told = urllib.request.Request(
        f"{server.lab.dns_management}/add-a",
        data=b'{"host": "moved.example.", "addresses": ["192.0.2.7"]}',
    )
    urllib.request.urlopen(told, timeout=5).close()

    found = server.run("getent ahostsv4 any.example moved.example | awk '/STREAM/ {print $1}'")

    assert [server.lab.address, "192.0.2.7"] == found.split()


# MongoDB


def test_mongodb_comes_packed_as_its_vendor_packs_it(server):
    archive = Path(server.lab.mongodb_archive)

    with tarfile.open(archive) as tar:
        names = tar.getnames()

    assert server.lab.mongodb_sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert f"{archive.name.removesuffix('.tgz')}/bin/mongod" in names


@pytest.mark.slow
def test_mongodb_runs_on_a_bare_server(each_server):
    unpack = lab.ssh_argv(each_server.lab, ["tar xz -C /tmp"])
    with Path(each_server.lab.mongodb_archive).open("rb") as archive:
        subprocess.run(unpack, stdin=archive, check=True, timeout=60)

    version = each_server.run("/tmp/mongodb-linux-*/bin/mongod --version | head -1")

    assert "db version v6.0.5" == version


# Its life


def test_two_at_once_have_different_addresses_and_do_not_meet(lab_server, server):
    other = lab_server()

    met = other.ssh(f"ping -c 1 -W 1 {server.lab.address}")

    assert server.lab.address != other.lab.address
    assert met.returncode != 0


def test_four_can_be_brought_up_at_the_same_time(lab_server):
    with ThreadPoolExecutor(4) as pool:
        labs = list(pool.map(lambda suite: lab_server(suite).lab, SUITES * 2))

    assert 4 == len({lab.address for lab in labs})
    assert {"running"} == {lab.state for lab in labs}


def test_up_twice_is_up_once(server):
    began = "cut -d' ' -f 22 /proc/1/stat"
    before = server.run(began)

    again = lab.up(server.lab.name)

    assert server.lab == again
    assert before == server.run(began)


def test_a_lab_that_is_up_does_not_change_its_suite(server):
    with pytest.raises(SuiteTaken, match="runs bookworm"):
        lab.up(server.lab.name, "trixie")


def test_it_is_listed(server):
    assert server.lab in lab.listing()


def test_its_description_is_plain_data(server):
    assert [
        "name",
        "suite",
        "address",
        "port",
        "user",
        "identity_file",
        "known_hosts",
        "acme_directory",
        "acme_root",
        "mongodb_archive",
        "mongodb_sha256",
        "state",
    ] == list(server.lab.as_dict())


@pytest.mark.parametrize("suite", SUITES)
def test_a_reboot_keeps_the_disk_and_the_keys(lab_server, suite):
    own = lab_server(suite)
    own.run("echo kept > /root/kept; echo lost > /run/lost")

    rebooted = lab.reboot(own.lab.name)

    assert own.lab == rebooted
    assert "kept\n0" == own.run("cat /root/kept; ls /run/lost 2> /dev/null | wc -l")


def test_a_server_that_reboots_by_itself_comes_back(fresh_server):
    first = leader(fresh_server)
    fresh_server.ssh("systemctl reboot")

    comes(lambda: leader(fresh_server) not in {first, None} and answers(fresh_server))

    assert "running" == fresh_server.run("systemctl is-system-running --wait")


def test_a_power_cut_keeps_the_disk_and_the_world_around(fresh_server):
    fresh_server.run("echo kept > /root/kept; sync")

    cut = lab.power_cut(fresh_server.lab.name)

    assert "off" == cut.state
    assert [] == fresh_server.pids("machine")
    assert "running" == lab.boot(fresh_server.lab.name).state
    assert "kept" == fresh_server.run("cat /root/kept")


def test_one_that_is_off_comes_up_with_its_disk(fresh_server):
    fresh_server.run("echo kept > /root/kept")
    fresh_server.ssh("systemctl poweroff")
    comes(lambda: lab.find(fresh_server.lab.name).state == "off")

    assert fresh_server.lab == lab.up(fresh_server.lab.name)
    assert "kept" == fresh_server.run("cat /root/kept")


# Its end


@pytest.mark.parametrize(
    ("part", "program"),
    [
        pytest.param("", "", id="whole"),
        pytest.param("machine", "systemd-nspawn", id="without nspawn"),
        pytest.param("machine/keeper", "", id="without its keeper"),
        pytest.param("gateway", "", id="without its gateway"),
        pytest.param("dns", "", id="without its DNS"),
        pytest.param("acme", "", id="without its ACME authority"),
    ],
)
def test_nothing_is_left_after_down(fresh_server, part, program):
    for pid in fresh_server.pids(part, program) if part else ():
        os.kill(pid, signal.SIGKILL)

    lab.down(fresh_server.lab.name)

    assert [] == fresh_server.traces()


def test_a_lab_leaves_traces_while_it_is_up(server):
    assert 6 < len(server.traces())


def test_down_ends_no_other_lab(fresh_server, server):
    lab.down(fresh_server.lab.name)

    assert "ok" == server.run("echo ok")


@pytest.mark.parametrize("part", ["gateway", "dns", "acme"])
def test_a_half_dead_lab_is_made_anew(fresh_server, part):
    fresh_server.run("touch /root/of-the-first")
    os.kill(fresh_server.pids(part)[0], signal.SIGKILL)
    comes(lambda: lab.find(fresh_server.lab.name).state == "broken")

    anew = lab.up(fresh_server.lab.name)

    assert "running" == anew.state
    assert "" == fresh_server.run("ls /root")


@pytest.mark.parametrize(
    "moment", ["preparing the server", "booting the server", "the server is up"]
)
def test_an_up_that_fails_midway_leaves_nothing(moment):
    def fail(text, _done, _total):
        if text == moment:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        lab.up("t-midway", report=fail)

    assert "t-midway" not in left()


@pytest.mark.parametrize("moment", ["preparing the server", "booting the server"])
def test_a_controller_that_is_killed_midway_leaves_what_down_removes(moment):
    with subprocess.Popen(
        [sys.executable, "-u", "-c", UP, "t-killed"], stdout=subprocess.PIPE, text=True
    ) as controller:
        next(line for line in controller.stdout if line.startswith(moment))
        controller.kill()

    lab.down("t-killed")

    assert "t-killed" not in left()


# What is refused, in words


def test_what_does_not_exist_is_not_found():
    with pytest.raises(NoSuchLab, match="there is no lab `nowhere`"):
        lab.down("nowhere")


@pytest.mark.parametrize("name", ["", "-a", "A", "../etc", "a" * 31, "a_b", "a/b"])
def test_a_bad_name_is_refused(name):
    with pytest.raises(BadName):
        lab.up(name)


def test_an_unknown_suite_is_refused_with_the_known_ones():
    with pytest.raises(UnknownSuite) as refusal:
        lab.up("t-suite", "sarge")

    assert "suites are: bookworm, trixie" == refusal.value.hint


@pytest.mark.parametrize(
    ("setup", "sentence", "hint"),
    [
        ("os.setuid(65534)", "which only root may make", "with `sudo`"),
        ("os.environ['PATH'] = '/nowhere'", "lacks `apt-get`, `ip`, `mmdebstrap`", "pebble"),
    ],
)
def test_what_a_lab_needs_is_told_in_one_sentence(setup, sentence, hint):
    program = (
        "import os; from cinestream_ops import lab; from cinestream_ops.errors import OpsError\n"
        f"{setup}\n"
        "try: lab.up('t-needy')\n"
        "except OpsError as error: print(error, error.hint, sep='\\n')\n"
    )

    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert 2 == len(told)
    assert sentence in told[0]
    assert hint in told[1]


def test_every_refusal_has_a_hint():
    with pytest.raises(OpsError) as refusal:
        lab.find("nowhere")

    assert refusal.value.hint


def left() -> set[str]:
    """The labs of which there is anything."""
    return {home.name for home in homes.homes()} | cgroups.names() | network.names()


def leader(server) -> int | None:
    """The server's first process; None between two boots."""
    try:
        return min(server.pids("machine/server/payload/init.scope"))
    except (ValueError, OSError):
        return None


def answers(server) -> bool:
    return server.ssh("true").returncode == 0


def comes(wanted, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
