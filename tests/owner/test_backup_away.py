"""
Backups that are not on the owner's machine: where SSH reaches, and on the server itself, daily.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from tests.owner.conftest import SITES, Standing
from tests.owner.test_backup import ADMIN, FILL, PASSPHRASE, PYTHON, TELL, Saved

SERVICE, TIMER = "cinestream-backup-stall.service", "cinestream-backup-stall.timer"
BIG = "/var/www/stall/data/big"


@pytest.fixture(scope="module")
def stall(rough: Standing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    """A site that has something to lose; its backups may go to `/srv/kept` on its own server."""
    key = tmp_path_factory.mktemp("key") / "key"
    key.write_text(f"{PASSPHRASE}\n")
    source = SITES / "bottle_site"
    rough.owner.types(f"add-site stall --source {source} --wsgi shop:application --workers 2 --yes")
    rough.owner.types("env set stall --secret API_KEY --from-file - --yes", "of-the-owner\n")
    made = Saved(rough, Path(f"{rough.owner.server}:/srv/kept"), key, key)
    made.mongo("stall", FILL)
    rough.host.sh("echo kept >/var/www/stall/data/note; chown stall: /var/www/stall/data/note")
    yield made
    rough.owner.tries("remove-site stall --purge --yes")


@pytest.fixture(scope="module")
def away(stall: Saved) -> str:
    """A backup in a directory that SSH reaches."""
    said = stall.tries(f"backup create stall --to {stall.top}")
    assert not said.code, said.err
    return said.out.strip()


def test_a_backup_is_kept_where_ssh_reaches(stall: Saved, away: str):
    host, folder = stall.standing.host, away.partition(":")[2]

    listed = stall.standing.owner.types(f"backup list --to {stall.top} --json").data

    assert [(away, 2001, "")] == [
        (each["folder"], each["documents"], each["trouble"]) for each in listed
    ]
    assert {"700"} == set(host.sh("find /srv/kept -type d -printf '%m\\n'").split())
    assert {"600"} == set(host.sh("find /srv/kept -type f -printf '%m\\n'").split())
    assert [folder.rpartition("/")[2]] == host.sh("ls -A /srv/kept/stall").split()
    assert "" == host.sh(f"grep -rl of-the-owner {folder} || true")


def test_the_history_tells_who_took_it(stall: Saved, away: str):
    entries = stall.standing.owner.types("history --json").data

    assert "done" in {each["outcome"] for each in entries if each["doing"] == "backup create stall"}


def test_it_is_verified_from_there(stall: Saved, away: str):
    said = stall.tries(f"backup verify {away}")

    assert not said.code, said.err
    assert f"`{away}` is whole: " in said.err


def test_a_changed_byte_there_is_found(stall: Saved, away: str):
    path = f"{away.partition(':')[2]}/data.tar"
    change = f"printf X | dd of={path} bs=1 seek=600 conv=notrunc status=none"
    stall.standing.host.sh(f"cp -p {path} /srv/data.tar && {change}")

    said = stall.tries(f"backup verify {away}")
    stall.standing.host.sh(f"mv /srv/data.tar {path}")

    assert 1 == said.code
    assert f"error: {away}/data.tar: is not what was saved" in said.err


def test_a_site_comes_back_from_there(stall: Saved, away: str):
    comes_back(stall, f"backup restore {away} --as stand --yes --passphrase-file {stall.key}")


def comes_back(stall: Saved, line: str) -> None:
    """The site, by the command in *line*, with all that it had; it is called `stand`."""
    said = stall.standing.owner.tries(line)

    assert not said.code, said.err
    assert stall.mongo("stall", TELL) == stall.mongo("stand", TELL)
    assert stall.secret_key("stall") == stall.secret_key("stand")
    assert "kept" == stall.standing.host.sh("cat /var/www/stand/data/note")
    assert "bottle" in stall.standing.host.get("stand.localhost")[1]
    stall.standing.owner.types("remove-site stand --purge --yes")


# Whoever writes below /srv/cut is killed, once there is something.
CUT = r"""
for turn in $(seq 600); do
    for process in /proc/[0-9]*; do
        if ls -l $process/fd 2>/dev/null | grep -q '/srv/cut/stall/.*data.tar'; then
            kill ${process#/proc/}
            exit
        fi
    done
    sleep 0.05
done
exit 1
"""


def test_a_connection_that_is_cut_leaves_no_backup(stall: Saved):
    """The draft that is left there goes with the next `prune`."""
    owner, host = stall.standing.owner, stall.standing.host
    cut = f"{owner.server}:/srv/cut"
    host.sh(f"head -c 60M /dev/urandom >{BIG}; chown stall: {BIG}")
    running = owner.start(f"backup create stall --to {cut} --passphrase-file {stall.key}")
    host.sh(CUT)
    _, err = running.communicate(timeout=100)
    host.sh(f"rm {BIG}")

    left = host.sh("ls -A /srv/cut/stall")
    listed = owner.types(f"backup list --to {cut} --json").data
    stall.tries(f"backup create stall --to {cut}")
    owner.types(f"backup prune stall --to {cut} --keep 5 --yes")

    assert 1 == running.returncode
    assert f"error: the connection to `{cut}` broke off" in err
    assert left.endswith(".partial")
    assert [] == listed
    assert 1 == len(host.sh("ls -A /srv/cut/stall").split())
    assert not host.sh("ls -A /srv/cut/stall").startswith(".")


@contextmanager
def filling(disk: Path) -> Iterator[None]:
    """As soon as a backup is begun on *disk*, somebody else fills it up."""

    def fill() -> None:
        end = time.monotonic() + 100
        while not list(disk.glob("*/.*.partial/*")) and time.monotonic() < end:
            time.sleep(0.005)
        subprocess.run(["dd", "if=/dev/zero", f"of={disk}/hog"], check=False, capture_output=True)

    thread = Thread(target=fill)
    thread.start()
    yield
    thread.join()


def test_the_owners_disk_that_fills_up_is_told_and_the_site_serves_on(stall: Saved, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", small], check=True)
    try:
        with filling(small):
            late = stall.tries(f"backup create stall --to {small}")
        early = stall.tries(f"backup create stall --to {small}")
        left = [path.name for path in small.rglob("*")]
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)

    assert (1, 1) == (late.code, early.code)
    assert "cannot be written: No space left on device" in late.err
    assert f"error: the backup takes about 1 MiB, and `{small}` has 0 MiB free" in early.err
    assert ["hog", "stall"] == sorted(left)
    assert "bottle" in stall.standing.host.get("stall.localhost")[1]


# On the server itself, daily


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("age") / "key"
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def recipient(identity: Path) -> str:
    argv = ["age-keygen", "-y", identity]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def daily(stall: Saved, recipient: str) -> Iterator[Saved]:
    """The site, scheduled, and saved once by its server."""
    owner, host = stall.standing.owner, stall.standing.host
    said = owner.types(
        f"backup schedule stall --daily 03:00 --keep 2 --recipient {recipient} --yes"
    )
    assert "install package `age`" in said.err
    host.sh(f"systemctl start {SERVICE}")
    yield stall
    owner.tries("backup unschedule stall --yes")


def saves(stall: Saved) -> subprocess.CompletedProcess[str]:
    return stall.standing.host.tries("systemctl", "start", SERVICE)


def on_server(stall: Saved) -> list[str]:
    listed = stall.standing.owner.types("backup list stall --to server: --json").data
    assert {""} >= {each["trouble"] for each in listed}
    return [each["folder"] for each in listed]


def journal(stall: Saved) -> str:
    return stall.standing.host.sh(f"journalctl -u {SERVICE} -o cat --no-pager")


def test_the_server_saves_the_site_by_its_timer(daily: Saved):
    host = daily.standing.host
    shown = host.sh(f"systemctl show {TIMER} -p ActiveState,Persistent,TimersCalendar")

    assert "ActiveState=active" in shown
    assert "Persistent=yes" in shown
    assert "OnCalendar=*-*-* 03:00:00" in shown
    assert "`stall` is saved in `/var/backups/cinestream/stall/" in journal(daily)
    assert {"700 root"} == set(
        host.sh("find /var/backups/cinestream/stall -type d -printf '%m %u\\n'").splitlines()
    )
    assert "of-the-owner" not in host.sh("cat /var/backups/cinestream/stall/*/env.age")
    assert 0 == daily.standing.owner.types("plan stall --exit-code").code


def test_what_the_server_saved_is_whole(daily: Saved, identity: Path):
    folder = on_server(daily)[-1]

    said = daily.standing.owner.tries(f"backup verify {folder} --identity {identity}")

    assert not said.code, said.err
    assert f"`{folder}` is whole: 9 files, 2001 documents" in said.err


def test_the_owner_alone_can_bring_the_site_back(daily: Saved, identity: Path, tmp_path: Path):
    folder = on_server(daily)[-1]
    other = tmp_path / "other"
    subprocess.run(["age-keygen", "-o", other], check=True, capture_output=True)
    line = f"backup restore {folder} --as stand --yes"

    without = daily.standing.owner.tries(line)
    stranger = daily.standing.owner.tries(f"{line} --identity {other}")

    assert (1, 1) == (without.code, stranger.code)
    assert "is encrypted to the key `age1" in without.err
    assert f"`{other}` does not open this backup: no identity matched" in stranger.err
    comes_back(daily, f"{line} --identity {identity}")


def test_only_the_latest_stay_there(daily: Saved):
    for _ in range(3):
        assert 0 == saves(daily).returncode
        time.sleep(1)

    assert 2 == len(on_server(daily))


def test_status_tells_of_the_last_good_one(daily: Saved):
    said = daily.standing.owner.types("status stall --json").data[0]

    assert time.time() - 600 < said["backup"]["good"] <= time.time()
    assert on_server(daily)[-1] == f"server:{said['backup']['folder']}"
    assert "LAST BACKUP" in daily.standing.owner.types("status").out


def failed(daily: Saved, why: str) -> None:
    """The last backup failed; it is told in the journal and by `status`, and left nothing."""
    owner, host = daily.standing.owner, daily.standing.host
    said, doctor = owner.tries("status"), owner.tries("doctor --json")

    assert 1 == said.code
    assert f"error: the last backup of `stall` failed: {why}" in said.err
    assert f"the last backup of `stall` failed: {why}" in str(doctor.data)
    assert "" == host.sh("find /var/backups /mnt -name '.*.partial' 2>/dev/null || true")
    assert "bottle" in host.get("stall.localhost")[1]


def test_a_run_that_fails_is_told_loudly_until_one_goes_well(daily: Saved):
    host, before = daily.standing.host, on_server(daily)
    listed = "/var/www/stall/venv/requirements.txt"
    host.sh(f"mv {listed} {listed}.away")

    code = saves(daily).returncode
    host.sh(f"mv {listed}.away {listed}")

    assert code
    failed(daily, "`cat` failed (1): ")
    assert before == on_server(daily)
    assert "the backup of `stall` failed: `cat` failed (1): " in journal(daily)
    assert 0 == saves(daily).returncode
    assert 0 == daily.standing.owner.types("status").code


@pytest.mark.parametrize("signal", ["TERM", "KILL"])
def test_a_run_that_is_stopped_is_told(daily: Saved, signal: str):
    host = daily.standing.host
    host.sh(f"head -c 60M /dev/urandom >{BIG}; chown stall: {BIG}")
    host.sh(f"systemctl start --no-block {SERVICE}")
    host.sh(
        "for turn in $(seq 3000); do ls /var/backups/cinestream/stall/.*.partial/data.tar "
        f"2>/dev/null && break; sleep 0.005; done; systemctl kill -s {signal} {SERVICE}; "
        f"while systemctl is-active {SERVICE} | grep -Eqx '(de)?activating|active'; "
        f"do sleep 0.1; done; rm {BIG}"
    )
    if signal == "KILL":  # who could have removed it?
        assert host.sh("ls -d /var/backups/cinestream/stall/.*.partial")
        host.sh("rm -r /var/backups/cinestream/stall/.*.partial")

    failed(daily, "it was cut off" if signal == "KILL" else "it was stopped: SIGTERM came")
    assert 0 == saves(daily).returncode


def test_a_disk_of_the_server_that_fills_up_is_told(daily: Saved, recipient: str):
    owner, host = daily.standing.owner, daily.standing.host
    host.sh("mkdir -p /mnt/small && mount -t tmpfs -o size=6m tmpfs /mnt/small")
    schedule = f"backup schedule stall --daily 03:00 --keep 2 --recipient {recipient} --yes"
    owner.types(f"{schedule} --on-server /mnt/small")
    host.sh(
        "(while ! ls /mnt/small/stall/.*.partial/site.toml; do :; done; "
        f"dd if=/dev/zero of=/mnt/small/hog) >/dev/null 2>&1 & systemctl start {SERVICE} || true"
    )

    failed(daily, "`/mnt/small`: No space left on device")
    assert saves(daily).returncode
    failed(daily, "it takes about 1 MiB, and `/mnt/small` has 0 MiB free")
    owner.types(schedule)
    host.sh("umount /mnt/small")
    assert 0 == saves(daily).returncode


def test_unscheduling_stops_the_timer_and_keeps_what_there_is(daily: Saved, recipient: str):
    owner, host = daily.standing.owner, daily.standing.host
    before = on_server(daily)

    owner.types("backup unschedule stall --yes")

    assert "" == host.sh("ls /etc/systemd/system/cinestream-backup-stall* 2>/dev/null || true")
    assert before == on_server(daily)
    assert None is owner.types("status stall --json").data[0]["backup"]
    assert 0 == owner.types("plan stall --exit-code").code
    owner.types(f"backup schedule stall --daily 03:00 --keep 2 --recipient {recipient} --yes")


# Kills the program that loads into a database of its own, as soon as there is one.
KILL = f"""{ADMIN}
import os, time
for turn in range(3000):
    found = [name for name in db.client.list_database_names() if "verify" in name]
    if found:
        os.kill(int(found[0].split("_")[3]), 9)
        break
    time.sleep(0.02)
"""


def test_a_check_that_was_killed_leaves_nothing_for_long(daily: Saved):
    """What its database was called, nobody else's program owns: the next order drops it."""
    host, owner = daily.standing.host, daily.standing.owner
    daily.mongo("stall", 'db.many.insert_many([{"n": n, "x": "x" * 900} for n in range(60000)])')
    assert 0 == saves(daily).returncode
    daily.mongo("stall", "db.many.drop()")
    scratch = f"{ADMIN}print(*(name for name in names if 'verify' in name))"
    running = owner.start(f"backup verify {on_server(daily)[-1]}")
    host.runs(PYTHON, "-c", KILL)
    running.communicate(timeout=100)
    left = host.runs(PYTHON, "-c", scratch)

    owner.types(f"backup create stall --to {daily.top} --passphrase-file {daily.key}")

    assert left
    assert 1 == running.returncode
    assert "" == host.runs(PYTHON, "-c", scratch)
