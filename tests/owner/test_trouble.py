"""
What goes wrong on real servers: each time the server is as it was, and the owner is told why.
"""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cinestream_ops import lab
from tests.owner.conftest import SITES, Standing

JOURNAL = "/var/lib/cinestream/journal/steps.jsonl"
SHOP = f"--source {SITES / 'bottle_site'} --wsgi shop:application"


def state(standing: Standing) -> str:
    """Everything on the server that a change could have touched."""
    return standing.host.sh(
        "cd / && find etc/cinestream etc/nginx etc/systemd/system var/www usr/lib/cinestream"
        " ! -path '*/__pycache__*' -printf '%p %u:%g %m %l\\n' | sort;"
        " find etc/cinestream etc/nginx etc/systemd/system -type f | sort | xargs sha256sum;"
        " systemctl list-units --plain --no-legend 'shop@*' | awk '{print $1, $3}';"
        " cut -d: -f1 etc/passwd"
    )


@pytest.fixture
def unharmed(rough: Standing) -> Iterator[Standing]:
    """The server, which must be the same after the test as before."""
    before = state(rough)
    yield rough
    assert before == state(rough)


@contextmanager
def in_the_middle(standing: Standing, line: str) -> Iterator[object]:
    """The command in *line*, from the moment it has begun to change the server."""
    process = standing.owner.start(line)
    try:
        standing.host.sh(
            f"for i in $(seq 3000); do [ -s {JOURNAL} ] && exit; sleep .01; done; exit 1"
        )
        yield process
    finally:
        process.kill()
        process.communicate()


def settled(standing: Standing) -> None:
    """The server has walked its way back."""
    standing.host.sh(f"for i in $(seq 600); do [ ! -e {JOURNAL} ] && exit; sleep .1; done; exit 1")


def test_a_controller_that_dies_leaves_the_server_as_it_was(rough: Standing):
    before = state(rough)

    with in_the_middle(rough, "edit-site shop --workers 9 --yes") as process:
        process.kill()
    settled(rough)

    assert before == state(rough)


def test_an_agent_that_is_killed_is_recovered_by_the_next_conversation(rough: Standing):
    before = state(rough)

    with in_the_middle(rough, "edit-site shop --workers 9 --yes"):
        rough.host.sh(
            "kill -9 $(cat /proc/locks | awk '$4 == \"WRITE\" {print $5}' | while read p;"
            " do grep -qz HOME=/root /proc/$p/environ && tr '\\0' ' ' < /proc/$p/cmdline"
            " | grep -q /var/lib/cinestream && echo $p; done)"
        )
    said = rough.owner.types("plan")

    assert "undone" in said.err
    assert before == state(rough)


def test_a_power_cut_is_undone_at_boot_before_anybody_asks(rough: Standing):
    before = state(rough)

    with in_the_middle(rough, "edit-site shop --workers 9 --yes"):
        lab.power_cut(rough.host.lab.name)
    lab.boot(rough.host.lab.name)
    rough.host.sh(
        "for i in $(seq 60); do systemctl is-system-running -q && exit; sleep 1; done;"
        " systemctl --failed --no-legend; exit 1"
    )

    assert before == state(rough)


def test_an_interrupt_walks_the_way_back(rough: Standing):
    before = state(rough)

    with in_the_middle(rough, "edit-site shop --workers 9 --yes") as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert 130 == process.returncode
    assert "nothing was committed" in err
    settled(rough)
    assert before == state(rough)


def test_a_second_administrator_is_told_who_is_at_work(rough: Standing):
    with in_the_middle(rough, "edit-site shop --workers 4 --yes") as process:
        process.send_signal(signal.SIGSTOP)
        said = rough.owner.tries("restart shop --yes")
    settled(rough)

    assert 1 == said.code
    assert "edit-site shop" in said.err
    assert "--wait" in said.err


def test_a_hand_made_mistake_in_nginx_stops_the_change_and_is_named(rough: Standing):
    bad = "/etc/nginx/conf.d/bad.conf"
    with rough.host.meanwhile(f"echo 'nonsense;' > {bad}", f"rm {bad}"):
        before = state(rough)
        said = rough.owner.tries("edit-site shop --workers 5 --yes")
        after = state(rough)

    assert 1 == said.code
    assert "nonsense" in said.err
    assert before == after


def test_a_hand_edit_is_shown_and_never_overwritten_unseen(rough: Standing):
    conf = "/etc/nginx/sites-available/shop.conf"
    rough.host.sh(f"echo '# by hand' >> {conf}")

    said = rough.owner.types("plan --diff")
    rough.owner.types("apply --yes")

    assert "by hand" in said.err + said.out
    assert "-# by hand" in said.out
    assert "by hand" not in rough.host.sh(f"cat {conf}")


def test_a_full_disk_refuses_the_change_whole(rough: Standing):
    full = (
        "mkdir /run/keep && cp -a /etc/cinestream/. /run/keep/ &&"
        " mount -t tmpfs -o size=64k,mode=755 tmpfs /etc/cinestream &&"
        " cp -a /run/keep/. /etc/cinestream/ && chmod 700 /etc/cinestream;"
        " cat /dev/zero > /etc/cinestream/filler 2>/dev/null; true"
    )
    with rough.host.meanwhile(full, "umount /etc/cinestream && rm -r /run/keep"):
        before = state(rough)
        said = rough.owner.tries("edit-site shop --workers 5 --yes")
        after = state(rough)

    assert 1 == said.code
    assert "no space" in said.err.lower() or "full" in said.err.lower()
    assert before == after


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("add-site 'My Site' --yes", "is not a site name"),
        ("add-site a/b --yes", "is not a site name"),
        ("add-site .. --yes", "is not a site name"),
        ("add-site Shop2 --yes", "is not a site name"),
        (f"add-site {'a' * 33} --yes", "is not a site name"),
        ("add-site $'a\nb' --yes", "is not a site name"),
        ("add-site www-data --yes", "www-data"),
        ("add-site nginx --yes", "nginx"),
        ("add-site shop --yes", "shop"),
        ("add-site blog --workers 0 --yes", "workers"),
        ("add-site blog --workers -1 --yes", "workers"),
        ("add-site blog --workers 10000 --yes", "workers"),
        ("add-site blog --workers 24.5 --yes", "24.5"),
        ("add-site blog --port 80 --yes", "port"),
        ("add-site blog --port 8050 --yes", "overlap"),
        ("add-site blog --domain 10.0.0.1 --yes", "10.0.0.1"),
        ("add-site blog --domain '*.example.com' --yes", "wildcard"),
        ("add-site blog --domain example.com:80 --yes", "example.com:80"),
        ("add-site blog --domain example.com/path --yes", "example.com/path"),
        (f"add-site blog --domain {'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.com --yes", "253"),
        ("add-site blog --source /nowhere --wsgi a:b --yes", "/nowhere"),
        (f"add-site blog --source {SITES / 'bottle_site'} --wsgi nothing:app --yes", "nothing"),
        (f"add-site blog --source {SITES / 'bottle_site'} --wsgi 'shop;ls:app' --yes", "shop;ls"),
        ("edit-site nobody --workers 2 --yes", "nobody"),
        ("env set shop $'A=1\nB=2' --yes", "line break"),
        ("env set shop 'a-b=1' --yes", "a-b"),
        ("remove-site nobody --yes", "nobody"),
        ("domain remove shop nowhere.example.com --yes", "nowhere.example.com"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_changes_nothing(unharmed: Standing, line: str, said: str):
    import shlex

    line = line.replace("$'a\nb'", shlex.quote("a\nb")).replace(
        "$'A=1\nB=2'", shlex.quote("A=1\nB=2")
    )

    answer = unharmed.owner.tries(line)

    assert answer.code in {1, 2}
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_source_without_the_wsgi_object_never_goes_live(rough: Standing):
    said = rough.owner.tries(
        f"add-site blog --source {SITES / 'bottle_site'} --wsgi shop:nothing --workers 2 --yes"
    )

    assert 1 == said.code
    assert "nothing" in said.err
    assert "blog" not in rough.host.sh(
        "ls /etc/systemd/system /etc/nginx/sites-enabled /etc/cinestream/sites"
    )


def test_requirements_that_do_not_resolve_are_named(rough: Standing):
    wanted = rough.owner.home / "requirements.txt"
    wanted.write_text("bottle==99.99\n")

    said = rough.owner.tries(f"add-site blog {SHOP} --requirements {wanted} --workers 2 --yes")

    assert 1 == said.code
    assert "bottle" in said.err


def test_a_port_in_use_is_found_before_the_change(rough: Standing):
    squat = "systemd-run -q --unit=squatter python3 -m http.server 8302 --bind 127.0.0.1; sleep 1"
    with rough.host.meanwhile(squat, "systemctl stop squatter"):
        said = rough.owner.tries(f"add-site blog {SHOP} --port 8300 --workers 5 --yes")

    assert 1 == said.code
    assert "8302" in said.err


def test_a_worker_that_was_started_by_hand_goes_with_the_next_change(rough: Standing):
    rough.owner.types("restart shop --yes")  # clears what was prepared for sites that were refused
    before = state(rough)
    port = max(rough.host.workers("shop")) + 20
    rough.host.sh(f"systemctl enable --quiet --now shop@{port}.service")

    planned = rough.owner.tries("plan shop --exit-code")
    rough.owner.types("apply shop --yes")

    assert 4 == planned.code
    assert f"`shop@{port}.service` was started or enabled by hand" in planned.err
    assert before == state(rough)


def test_a_site_is_not_changed_on_a_server_of_another_version(rough: Standing):
    before = state(rough)
    rough.host.sh("echo '# another version' >> /usr/lib/cinestream/agent")

    said = rough.owner.tries("edit-site shop --workers 4 --yes")
    rough.owner.types("apply --yes")

    assert 1 == said.code
    assert "`cinestream apply` brings the whole server up to date" in said.err
    assert before == state(rough)


def test_without_a_yes_nothing_happens(unharmed: Standing):
    said = unharmed.owner.tries("edit-site shop --workers 9")

    assert 1 == said.code
    assert "--yes" in said.err


def test_a_domain_that_leads_elsewhere_waits_and_is_finished_by_the_server(rough: Standing):
    name = "later.example.test"
    dns(rough, "set-default-ipv4", {"ip": rough.host.lab.address})
    dns(rough, "add-a", {"host": f"{name}.", "addresses": ["127.0.0.77"]})

    said = rough.owner.types(
        f"domain add shop {name} --yes --acme-directory {rough.host.lab.acme_directory}"
    )
    waiting = rough.owner.types("domain list --json").data
    dns(rough, "clear-a", {"host": f"{name}."})
    rough.host.sh(
        'sed -i \'s/"next_try": [0-9.]*/"next_try": 0/\' /var/lib/cinestream/certificates/*.json;'
        " systemctl start cinestream-certificates.service"
    )
    done = rough.owner.types("domain list --json").data

    assert "127.0.0.77" in said.err
    assert "pending-dns" == state_of(waiting, name)
    assert "issued" == state_of(done, name)
    assert 0 == rough.owner.tries("plan --exit-code").code


def state_of(domains: list[dict[str, str]], name: str) -> str:
    return next(each["state"] for each in domains if each["domain"] == name)


def dns(standing: Standing, verb: str, told: dict[str, object]) -> None:
    request = urllib.request.Request(
        f"{standing.host.lab.dns_management}/{verb}", json.dumps(told).encode()
    )
    urllib.request.urlopen(request, timeout=10).close()
