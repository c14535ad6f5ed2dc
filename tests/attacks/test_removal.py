"""
A site that is removed is gone: nothing of it runs, lies about, or belongs to who comes after.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.conftest import SITES
from tests.attacks.tenant import Tenant
from tests.owner.conftest import Standing

ADD = f"add-site {{}} --source {SITES / 'shell'} --wsgi shell:application --workers 1 --yes"
PUBLIC = "/tmp /var/tmp /dev/shm /run/lock /var/spool/cron/atjobs"
# Started by root as the site's user, in a session of root's: as a check of ours would have been.
OUTSIDE = (
    'cd / && setpriv --reuid {0} --regid {0} --clear-groups -- setsid python3 -c "$1" >&- 2>&-'
)
BOMB = """
import ctypes, os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
libc = ctypes.CDLL(None)
libc.shmget(0x5115, 4096, 0o1666), libc.msgget(0x5115, 0o1666), libc.semget(0x5115, 1, 0o1666)
crowd = int(os.environ.get("CROWD", 40))
for _ in range(crowd):
    if os.fork() == 0:
        break
until = time.monotonic() + 600
while time.monotonic() < until:
    if os.fork():
        os._exit(0)
    time.sleep(0.001)
"""
DIG = """
import os
os.chdir("/var/www/{0}/data")
os.mkfifo("pipe")
os.symlink("/etc", "etc")
with open("sparse", "w") as file:
    file.truncate(1 << 40)
import socket
socket.socket(socket.AF_UNIX).bind("socket")
here = []
for depth in range(3000):
    os.mkdir("nest")
    os.chdir("nest")
    here.append(depth)
for _ in range(3000):
    os.chdir("..")
    if here.pop() % 100 == 7:
        os.chmod("nest", 0)
"""


def uid(standing: Standing, site: str) -> str:
    return standing.host.runs("id", "-u", site)


@pytest.fixture
def brutus(attacked: Standing) -> Iterator[Tenant]:
    attacked.owner.types(ADD.format("brutus"))
    try:
        yield Tenant(attacked.host, "brutus")
    finally:
        attacked.owner.tries("remove-site brutus --purge --yes")


def spread(standing: Standing, site: str) -> None:
    """Everything that *site*, or somebody in its name, can leave on a server."""
    host = standing.host
    host.runs("sh", "-euc", OUTSIDE.format(site), "sh", BOMB)
    host.sh(
        f"for each in {PUBLIC}; do mkdir -p $each"
        f" && setpriv --reuid {site} --clear-groups mkdir -p $each/.{site}/deep 2>/dev/null"
        f" || install -d -o {site} $each/.{site}/deep; chown {site} $each/.{site};"
        f" ln -s /etc/hosts $each/.{site}/link; done"
    )
    host.sh("mkdir -p /var/spool/cron/crontabs /var/lib/systemd/linger")
    host.sh(f"echo '* * * * * id' > /var/spool/cron/crontabs/{site}")
    host.sh(f"touch /var/lib/systemd/linger/{site}")


def nothing_of(standing: Standing, site: str, number: str) -> None:
    """Nothing on the server is *site*'s, by its name or its *number*."""
    host = standing.host
    assert "" == host.tries("ps", "-o", "pid,stat,args", "--no-headers", "-u", number).stdout
    mounts = "/ /run /dev/shm /tmp /run/lock"
    found = f"find {mounts} -xdev ( -uid {number} -o -gid {number} ) -not -path '/proc/*'"
    assert "" == host.sh(found.replace("(", r"\(").replace(")", r"\)"))
    named = f"find /etc/nginx /etc/systemd /var/www /var/spool /var/lib/systemd /var/log/nginx -name '*{site}*'"
    assert "" == host.sh(named)
    assert number not in host.sh("cat /proc/sysvipc/* | awk '{print $5, $6, $8, $9}'").split()
    assert host.tries("getent", "passwd", site).returncode
    assert host.tries("getent", "group", site).returncode


def test_a_purged_site_is_gone_whatever_it_has_spread(attacked, brutus):
    number = uid(attacked, "brutus")
    spread(attacked, "brutus")
    assert 0 == brutus.python(DIG.format("brutus")).code

    told = attacked.owner.types("remove-site brutus --purge --yes")

    assert "Done: remove-site brutus" in told.err
    nothing_of(attacked, "brutus", number)
    assert attacked.host.runs("test", "-e", "/etc/hosts") == ""
    assert "Nothing is unfinished" in attacked.owner.types("recover").err


def test_who_comes_after_gets_a_number_that_nobody_had(attacked, brutus):
    had = {uid(attacked, "brutus")}
    for _ in range(2):
        attacked.owner.types("remove-site brutus --purge --yes")
        attacked.owner.types(ADD.format("brutus"))

        assert uid(attacked, "brutus") not in had
        had.add(uid(attacked, "brutus"))


def test_a_removed_site_that_keeps_its_data_runs_nothing_and_comes_back_to_it(attacked, brutus):
    number = uid(attacked, "brutus")
    spread(attacked, "brutus")
    assert 0 == brutus.sh("echo kept > /var/www/brutus/data/note").code

    attacked.owner.types("remove-site brutus --yes")

    assert "" == attacked.host.tries("ps", "--no-headers", "-u", number).stdout
    assert number == uid(attacked, "brutus")
    attacked.host.runs("userdel", "brutus")  # as a tidy administrator might
    attacked.owner.types(ADD.format("brutus"))
    assert number == uid(attacked, "brutus")
    assert "kept\n" == brutus.sh("cat /var/www/brutus/data/note").out


def test_a_site_with_a_new_name_takes_its_number_along_and_goes_with_it(attacked, brutus):
    """Both names have one number for a while, and what runs goes on under the new one."""
    number = uid(attacked, "brutus")
    pid = brutus.starts("sleep", "600")
    attacked.owner.types("rename-site brutus cassius --yes")
    try:
        assert number == uid(attacked, "cassius")
        assert 0 == attacked.owner.tries("plan --exit-code").code
        spread(attacked, "cassius")
    finally:
        attacked.owner.types("remove-site cassius --purge --yes")

    assert attacked.host.tries("kill", "-0", str(pid)).returncode
    nothing_of(attacked, "cassius", number)
    assert attacked.host.tries("getent", "passwd", "brutus").returncode
    assert 0 == attacked.owner.tries("plan --exit-code").code
    attacked.owner.types(ADD.format("brutus"))
    assert number != uid(attacked, "brutus")


def test_a_number_that_somebody_took_meanwhile_is_not_taken_back(attacked, brutus):
    number = uid(attacked, "brutus")
    attacked.owner.types("remove-site brutus --yes")
    attacked.host.sh(f"userdel brutus; useradd --system --uid {number} squatter")
    try:
        attacked.owner.tries(ADD.format("brutus"))

        assert number != attacked.host.sh("id -u brutus || true")
    finally:
        attacked.host.sh("rm -rf /var/www/brutus; userdel squatter")


def test_what_cannot_be_removed_is_told_until_it_is_gone(attacked, brutus):
    owner, host = attacked.owner, attacked.host
    number = uid(attacked, "brutus")
    mount = "/var/www/brutus/data/mnt"
    host.sh(
        f"mkdir /srv/precious {mount}; touch /srv/precious/file; mount --bind /srv/precious {mount}"
    )
    try:
        told = owner.tries("remove-site brutus --purge --yes")

        assert 1 == told.code, told.err
        assert f"`{mount}` is a mount point" in " ".join(told.err.split())
        assert mount in " ".join(owner.tries("status").err.split())
        again = owner.tries("recover")
        assert 1 == again.code
        assert "Nothing is unfinished" not in again.err
        assert number == uid(attacked, "brutus")
        refused = owner.tries(ADD.format("brutus"))
        assert "an earlier `brutus` was removed" in " ".join(refused.err.split())
        assert 1 == owner.tries("remove-site brutus --purge --yes").code
        assert 0 == owner.tries("edit-site alice --workers 3 --yes").code  # nobody else has to wait
    finally:
        host.sh(f"umount {mount}; test -e /srv/precious/file; rm -r /srv/precious")

    owner.types("remove-site brutus --purge --yes")

    nothing_of(attacked, "brutus", number)
    assert "Nothing is unfinished" in owner.types("recover").err
    assert "brutus" not in owner.types("status").err
