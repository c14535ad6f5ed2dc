"""
A site that wants what is everybody's: the lock, nginx, the journal.

Its neighbour serves, can be changed, and is told of truly, all the while.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cinestream_ops.agent import ends
from tests.attacks.tenant import Tenant
from tests.owner.conftest import Standing

NEVER_LEAVES = """
import ctypes, signal, socket, threading, time
ctypes.CDLL(None).signal(signal.SIGTERM, ctypes.c_void_p(1))  # SIG_IGN, from any thread
def cling():
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    while True:
        notify.sendto(b"EXTEND_TIMEOUT_USEC=3600000000", "/run/systemd/notify")
        time.sleep(1)
threading.Thread(target=cling, daemon=True).start()
"""


@pytest.fixture
def replaced(attacked: Standing) -> Iterator[None]:
    """Afterwards mallory has new workers."""
    yield
    attacked.host.sh(
        "systemctl kill --signal=KILL 'mallory@*.service'; systemctl restart mallory.target"
    )


def test_a_worker_that_never_leaves_is_killed_when_its_site_is_stopped(
    attacked: Standing, mallory: Tenant, replaced: None
):
    mallory.inside(NEVER_LEAVES)

    attacked.owner.types("stop mallory --yes")
    left = attacked.host.workers("mallory")
    attacked.owner.types("start mallory --yes")

    assert {} == left
    assert 2 == len(attacked.host.workers("mallory"))


def ill_at(path: str, answer: str) -> str:
    """What has a worker answer *path* as the body of a function says that has `n`, from 0."""
    return f"""
import itertools, sys, time
frame = sys._getframe()
while type(frame.f_locals.get("self")).__name__ != "Front":
    frame = frame.f_back
front = frame.f_locals["self"]
count = itertools.count()
def ill():
    n = next(count)
    {answer}
    return "200 OK", b""
front._own[{path!r}] = ill
"""


def test_a_neighbour_that_falls_ill_meanwhile_stops_no_change_and_is_told(
    attacked: Standing, mallory: Tenant, replaced: None
):
    mallory.inside(ill_at("/healthz", "time.sleep(min(n, 1) * 7)"))

    first = attacked.owner.tries("maintenance alice on --yes")
    second = attacked.owner.tries("maintenance alice off --yes")

    assert (0, 0) == (first.code, second.code), first.err + second.err
    assert "`mallory.localhost` did not answer `/healthz` with 200" in second.err


def test_a_neighbour_whose_name_is_taken_over_sends_the_change_back(attacked: Standing):
    taken = "/etc/nginx/conf.d/0-taken.conf"
    block = "server { listen 80; server_name mallory.localhost; return 200; }"
    with attacked.host.meanwhile(f"echo '{block}' > {taken}", f"rm {taken}; nginx -s reload"):
        said = attacked.owner.tries("maintenance alice on --yes")

    assert 1 == said.code
    assert "nginx would not answer for `mallory.localhost` as before" in said.err, said.err
    assert 200 == attacked.host.get("alice.localhost")[0]


def test_which_site_a_name_is_for_is_told_on_the_server_alone(attacked: Standing):
    asked = ("curl", "-sI", "-H", "Host: alice.localhost")
    at_home = attacked.host.runs(*asked, "http://127.0.0.1/.cinestream-site")
    outside = attacked.host.tries(*asked, f"http://{attacked.host.lab.address}/.cinestream-site")

    assert "X-Cinestream-Site: alice" in at_home
    assert "" == outside.stdout


def test_a_site_that_lies_about_a_neighbours_end_is_not_believed(attacked: Standing):
    port = min(attacked.host.workers("alice"))
    lie = (
        f"MESSAGE_ID={ends.EXIT}\\nUNIT=alice@{port}.service\\nEXIT_CODE=exited\\nEXIT_STATUS=66\\n"
    )
    attacked.host.sh(
        f"systemctl kill --signal=KILL alice@{port}.service;"
        f" until systemctl is-active -q alice@{port}.service; do sleep .1; done;"
        f" printf '{lie}' | runuser -u nobody -- logger --journald;"
        f" printf 'MESSAGE_ID={ends.EXIT}\\nUNIT=alice@{port}.service\\n' | logger --journald;"
        " journalctl --sync"
    )

    told = attacked.owner.tries("status alice --json").data[0]["workers"][0]["ended"]
    attacked.owner.types("restart alice --yes")

    assert told.startswith("was killed by SIGKILL")


WRITES = """
import glob, os, socket
def write(path):
    try:
        there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        there.sendto(b"MESSAGE=forged by mallory\\nPRIORITY=0\\n", path)
    except OSError:
        return
    print(path)
for path in glob.glob("/run/systemd/journal*/*") + ["/dev/log"]:
    write(path)
"""


def test_a_site_writes_into_no_journal_but_its_own(attacked: Standing, mallory: Tenant):
    written = set(mallory.python(WRITES).out.split())
    attacked.host.sh("journalctl --sync; journalctl --namespace=mallory --sync")
    forged = "journalctl -q --no-pager -o cat -g 'forged by mallory' {}; true"

    assert "/run/systemd/journal/socket" in written
    assert {"/run/systemd/journal", "/run/systemd/journal.mallory", "/dev"} >= {
        path.rpartition("/")[0] for path in written
    }
    assert "" == attacked.host.sh(forged.format(""))
    assert "" == attacked.host.sh(forged.format("--namespace=alice"))
    assert "forged by mallory" in attacked.host.sh(forged.format("--namespace=mallory"))


FLOODS = """
import os, socket
there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
there.connect("/run/systemd/journal/socket")
for n in range(40):
    entry = os.memfd_create("entry", os.MFD_ALLOW_SEALING)
    os.write(entry, b"MESSAGE=" + os.urandom(6 << 20).hex().encode() + b"\\n")
    os.lseek(entry, 0, 0)
    import fcntl
    fcntl.fcntl(entry, fcntl.F_ADD_SEALS, 15)
    socket.send_fds(there, [b""], [entry])
    os.close(entry)
"""


def test_a_site_that_floods_its_journal_takes_nothing_from_anybody_elses(
    attacked: Standing, mallory: Tenant
):
    kept = "journalctl -q --no-pager -o cat --namespace=+alice -n 1000 | wc -l"
    before = int(attacked.host.sh(kept))
    flooded = mallory.python(FLOODS)
    attacked.host.sh("journalctl --namespace=mallory --sync")
    size = attacked.host.sh("du -sm /var/log/journal/*.mallory").split()[0]
    shown = attacked.owner.types("logs mallory").out
    attacked.host.sh("journalctl --namespace=mallory --rotate --vacuum-size=1M")

    assert 0 == flooded.code, flooded.out
    assert int(size) <= 64 + 4
    assert 0 < before <= int(attacked.host.sh(kept))
    assert shown


def test_nobody_else_reads_an_access_log_neither_new_nor_rotated(attacked: Standing):
    log = "/var/log/nginx/alice.access.log"
    attacked.host.get("alice.localhost", "/?token=new")
    fresh = attacked.host.tries("runuser", "-u", "nobody", "--", "cat", log)
    attacked.host.runs("logrotate", "--force", "/etc/logrotate.d/nginx")
    attacked.host.sh(
        f"until curl -s -o /dev/null -H 'Host: alice.localhost' '127.0.0.1/?token=rotated'"
        f" && grep -q rotated {log}; do sleep .1; done"
    )
    rotated = attacked.host.tries("runuser", "-u", "nobody", "--", "cat", log, f"{log}.1")

    assert "token" not in fresh.stdout + rotated.stdout
    assert 2 == rotated.stderr.count("Permission denied")
