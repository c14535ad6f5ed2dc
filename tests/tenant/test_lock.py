"""
Claims about the lock of a city: a real mongod, and many processes at once.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from showtimes import lock
from tenant_processes import SOURCE

pytestmark = pytest.mark.tenant

ASK = """
import sys
from showtimes import lock
from showtimes.database import Store
store = Store(*sys.argv[1:3])
sys.stdin.readline()
print(sum(lock.acquire(store.locations, "lviv", float(sys.argv[3])) is not None for _ in range(9)))
sys.stdout.flush()
sys.stdin.readline()
"""


def asking(settings, seconds: float) -> subprocess.Popen[str]:
    words = [settings.mongodb_uri, settings.mongodb_database, str(seconds)]
    argv = [sys.executable, "-c", ASK, *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, cwd=SOURCE, stdin=pipe, stdout=pipe, text=True)


def test_of_216_attempts_by_24_processes_one_gets_the_lock(settings, store):
    assert store.locations.find_one({})
    several = [asking(settings, 60) for _ in range(24)]

    said = [process.communicate("go\n", timeout=120)[0] for process in several]

    assert 1 == sum(map(int, said))


def test_a_holder_that_is_killed_is_succeeded_after_the_timeout(settings, store):
    assert store.locations.find_one({})
    with asking(settings, 2) as holder:
        holder.stdin.write("go\n")
        holder.stdin.flush()
        assert "1\n" == holder.stdout.readline()
        holder.send_signal(signal.SIGKILL)
    assert lock.acquire(store.locations, "lviv", 2) is None

    time.sleep(2.1)

    assert "stale" == lock.standing(store.locations, "lviv").status
    assert "stale" == lock.acquire(store.locations, "lviv", 2).was


def test_a_late_holder_cannot_overwrite_its_successor(store):
    late = lock.acquire(store.locations, "lviv", 0.05)
    time.sleep(0.1)
    successor = lock.acquire(store.locations, "lviv", 60)

    done = [
        lock.renew(store.locations, late, 60),
        lock.tell(store.locations, late, {"step": "reading"}),
        lock.release(store.locations, late, "fresh", updated=True),
    ]

    assert [False, False, False] == done
    standing = lock.standing(store.locations, "lviv")
    assert ("processing", None) == (standing.status, standing.last_updated)
    assert lock.release(store.locations, successor, "fresh", updated=True)


def test_a_renewed_lock_outlives_its_first_timeout(store):
    held = lock.acquire(store.locations, "lviv", 0.5)
    assert lock.renew(store.locations, held, 60)

    time.sleep(0.6)

    assert lock.acquire(store.locations, "lviv", 60) is None


def test_only_a_success_moves_last_updated(store):
    held = lock.acquire(store.locations, "lviv", 60)
    lock.release(store.locations, held, "stale", wait=900)
    failed = lock.standing(store.locations, "lviv")
    held = lock.acquire(store.locations, "lviv", 60)

    lock.release(store.locations, held, "fresh", updated=True)

    fresh = lock.standing(store.locations, "lviv")
    assert (None, "stale") == (failed.last_updated, failed.status)
    assert 890 < (failed.not_before - failed.now).total_seconds() <= 900
    assert (True, None) == (fresh.last_updated <= fresh.now, fresh.not_before)


def test_the_locks_queries_are_index_scans(store):
    plan = store.locations.find({"city": "lviv", "$expr": lock.FREE}).explain()

    assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])
