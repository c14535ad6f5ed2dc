"""
Whatever runs as a site's user, or because of its files, has a unit of its own and no more to reach.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attacks.conftest import SITES
from tests.attacks.tenant import Tenant
from tests.owner.conftest import Standing
from tests.owner.owner import Host

WAS_HERE = "was-here"
OUTSIDE = ("tmp", "var/tmp", "dev/shm", "run/lock", "var/www/mallory", "usr/local/lib")
PACKER = "class Packing"  # of the program that packs the data
NOTES = "/var/www/mallory/data/notes"
# It goes after every process of its user's that another control group has, by the file system that
# the process sees and by a signal, and notes how far it came.
RACER = """
import json, os
own, seen = os.getuid(), set()

def told(pid, what):
    with open(f"/proc/{pid}/{what}") as file: return file.read()

def reached(pid, folder):
    try: os.close(os.open(f"/proc/{pid}/root/{folder}/WAS_HERE", os.O_WRONLY | os.O_CREAT))
    except OSError: return False
    return True

def look(pid):
    if os.stat(f"/proc/{pid}").st_uid != own or told(pid, "cgroup") in ours: return
    command = told(pid, "cmdline").replace(chr(0), " ")
    if not command or "systemd" in command: return
    seen.add(pid)
    found = [folder for folder in OUTSIDE if reached(pid, folder)]
    print(json.dumps([command, found]), file=notes, flush=True)
    if SIGNAL: os.kill(pid, SIGNAL)

def processes(): return [int(each) for each in os.listdir("/proc") if each.isdigit()]

# The workers are no news.
ours = {told(pid, "cgroup") for pid in processes() if os.stat(f"/proc/{pid}").st_uid == own}
with open(NOTES, "w") as notes:
    print(json.dumps(["the racer", []]), file=notes, flush=True)
    while True:
        for pid in processes():
            try:
                if pid not in seen: look(pid)
            except OSError: pass
"""


@contextmanager
def racing(mallory: Tenant, number: int = 0) -> Iterator[None]:
    """Code in a worker of *mallory* that sends *number*, if any, to whatever it can reach."""
    words = {"SIGNAL": int(number), "OUTSIDE": OUTSIDE, "NOTES": NOTES, "WAS_HERE": WAS_HERE}
    program = RACER.replace("WAS_HERE", WAS_HERE)
    for name, value in words.items():
        program = program.replace(name, repr(value) if name != "WAS_HERE" else WAS_HERE)
    mallory.host.sh(f"rm -f {NOTES}")
    pid = mallory.starts("/usr/bin/python3", "-c", program)
    mallory.host.sh(f"until test -s {NOTES}; do sleep .05; done")
    try:
        yield
    finally:
        mallory.host.tries("kill", "-9", str(pid))


def noted(host: Host) -> list[tuple[str, list[str]]]:
    """The command of each process that a racer came upon, and where it got to through it."""
    return [tuple(json.loads(line)) for line in host.runs("cat", NOTES).splitlines()][1:]


def left(host: Host, name: str) -> list[str]:
    """What *name* has left outside of where it may write."""
    places = [f"/{folder}/{name}" for folder in OUTSIDE]
    return [place for place in places if not host.tries("test", "-e", place).returncode]


@pytest.fixture
def heavy(mallory: Tenant) -> Iterator[Tenant]:
    """*mallory* with data that takes a while to read."""
    mallory.host.sh("head -c 100M /dev/zero >/var/www/mallory/data/heavy")
    yield mallory
    mallory.host.sh("rm -f /var/www/mallory/data/heavy")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_text("correct horse battery staple\n")
    return path


def test_a_source_that_attacks_at_its_check_gets_no_further_than_a_worker(attacked: Standing):
    source = SITES / "trojan"
    add = f"add-site horse --source {source} --wsgi trojan:application --workers 1 --yes"
    try:
        attacked.owner.types(add)
        # A site that begins with another's code has it imported, and no worker is tried.
        attacked.owner.types("clone-site horse trojan --yes")
        told = json.loads(attacked.host.runs("cat", "/var/www/trojan/data/told.json"))
        groups = attacked.host.sh("for pid in $(pgrep -u trojan); do cat /proc/$pid/cgroup; done")
        listening = attacked.host.runs("ss", "-Hltn", "sport", "=", "18999")
        found = left(attacked.host, "trojan-was-here")
    finally:
        for name in ("trojan", "horse"):
            attacked.owner.tries(f"remove-site {name} --purge --yes")

    assert ("1", 0, []) == (told["privileges"], told["strangers"], told["secrets"])
    assert told["crontab"]
    assert [] == found
    assert groups
    assert all("/trojan@" in line for line in groups.splitlines() if line.startswith("0::"))
    assert "" == listening


def test_who_reads_a_site_for_its_owner_opens_nothing_to_its_worker(
    heavy: Tenant, attacked: Standing, key: Path, tmp_path: Path
):
    with racing(heavy):
        attacked.owner.types(f"backup create mallory --to {tmp_path} --passphrase-file {key}")
        attacked.owner.types("clone-site mallory double --yes")
        attacked.owner.types("remove-site double --purge --yes")

    met = noted(attacked.host)
    assert any(PACKER in command for command, _ in met)
    assert [] == [each for each in met if each[1]]
    assert [] == left(attacked.host, WAS_HERE)
    # What a release is made of, a worker could have swapped under the eyes of its reader.
    assert [] == [command for command, _ in met if "marker" in command or "requirements" in command]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_backup_whose_reader_is_killed_is_none(
    heavy: Tenant, attacked: Standing, key: Path, tmp_path: Path, number: int
):
    with racing(heavy, number):
        line = f"backup create mallory --to {tmp_path} --passphrase-file {key}"
        said = attacked.owner.tries(line)

    assert any(PACKER in command for command, _ in noted(attacked.host))
    assert 1 == said.code, said.err
    assert [] == [*(tmp_path / "mallory").iterdir()]


# Every folder in which a worker may make a file, but for those of its own processes.
WRITABLE = """
import os
for folder, folders, _ in os.walk("/"):
    folders[:] = [] if folder in ("/proc", "/sys") else folders
    path = os.path.join(folder, "mallory-was-here")
    try:
        open(path, "w").close()
    except OSError:
        continue
    print(folder)
"""


def test_a_worker_makes_files_in_no_folder_that_others_see(attacked: Standing, mallory: Tenant):
    found = mallory.python(WRITABLE).out.split()

    seen = attacked.host.sh(
        "find / -xdev -name mallory-was-here; find /dev /run -name mallory-was-here"
    )
    places = {"/tmp", "/var/tmp", "/dev/shm", "/var/www/mallory/data"}
    assert places <= set(found)
    assert {"/var/www/mallory/data/mallory-was-here"} == {
        path
        for path in seen.splitlines()
        # What systemd keeps the `/tmp` of a unit in is root's alone.
        if "/systemd-private-" not in path
    }
    own = (*places, "/dev/mqueue")
    assert set() == {path for path in found if not path.startswith(own)}
