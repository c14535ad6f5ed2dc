"""
The agent with a real systemd and a real nginx.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from cinestream_ops import lab
from cinestream_ops.channel import bundle
from cinestream_ops.channel.conversation import converse
from cinestream_ops.channel.target import Target
from cinestream_ops.errors import Unreachable
from cinestream_ops.state import items, paths
from cinestream_ops.state.items import (
    Check,
    Daemon,
    Directory,
    EnvFile,
    Fence,
    File,
    Gate,
    Package,
    Unit,
)
from cinestream_ops.state.steps import PREPARE, PUT, REMOVE, RESTART, Step
from tests.conversation.server import apply, begin, look, planned, until_ready

WORKERS = 8
PROGRAM, CONF = "/usr/local/lib/demo.py", "/etc/nginx/conf.d/demo.conf"
# The agent, by what it wrote into its lock: a check is run by systemd, and is no child of it.
HOLDER = f"grep -o '\"pid\": [0-9]*' {paths.HOME}/lock | grep -o '[0-9]*'"
KILL = Check("dies", ("sh", "-c", f"kill -9 $({HOLDER})"))
GATE = Step(PUT, Gate(probes=("demo.localhost", "other.localhost")))

SERVICE = b"""
[Unit]
Requires=demo@%i.socket
After=demo@%i.socket
[Service]
Type=notify
NotifyAccess=all
ExecStart=/usr/bin/python3 -I /usr/local/lib/demo.py
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""
RECOVER = f"""
[Unit]
Before=nginx.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/python3 -I -S {paths.AGENT} recover
[Install]
WantedBy=multi-user.target
""".encode()
SOCKET = b"[Socket]\nListenStream=127.0.0.1:%i\n"
WORKER = b"""
import os, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
taken = socket.socket(fileno=3)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
while True:
    visitor, _ = taken.accept()
    visitor.recv(65536)
    visitor.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    visitor.close()
"""


def units(first=0, last=WORKERS):
    ports = range(8001 + first, 8001 + last)
    return [Unit(f"demo@{port}.service", (f"demo@{port}.socket",)) for port in ports]


def conf(workers=WORKERS, extra=""):
    upstream = "".join(f"server 127.0.0.1:{8001 + n}; " for n in range(workers))
    text = f"""
upstream demo {{ {upstream} }}
server {{ listen 80; server_name demo.localhost; location / {{ proxy_pass http://demo; }} {extra} }}
"""
    return File(CONF, text.encode())


def site():
    """A site's worth of steps, in the order that plans have."""
    files = (
        File(f"{paths.UNITS}/demo@.service", SERVICE),
        File(f"{paths.UNITS}/demo@.socket", SOCKET),
        File(PROGRAM, WORKER),
    )
    return [
        Step(PUT, Fence("systemd")),
        *(Step(PUT, file, site="demo") for file in files),
        Step(PUT, Daemon()),
        *(Step(PUT, unit, site="demo") for unit in units()),
        Step(PUT, Fence("nginx")),
        Step(PUT, conf(), site="demo"),
        GATE,
    ]


def restarting(program: bytes):
    names = tuple(unit.unit for unit in units())
    workers = [Step(RESTART, unit, site="demo") for unit in units()]
    return [Step(PUT, Fence("systemd", names)), Step(PUT, File(PROGRAM, program)), *workers]


@dataclass(frozen=True)
class Box:
    """A booted server, and conversations with its agent."""

    server: Any

    def talk(self):
        lab = self.server.lab
        target = Target(
            lab.name, lab.address, lab.port, lab.user, lab.identity_file, lab.known_hosts
        )
        return converse(target, ask_host_key=lambda _: False)

    def make(self, *steps, **order):
        with self.talk() as conversation:
            return list(apply(conversation, planned(conversation, steps), **order))

    def ask(self, **order):
        with self.talk() as conversation:
            return conversation.ask(order)

    def state(self):
        """Which workers run and start at boot, what nginx answers, and the files."""
        wants = "ls /etc/systemd/system/*.wants | grep demo | sort"
        return (self.workers(), self.server.run(wants), self.answer(), self.server.run(FILES))

    def workers(self):
        listed = "systemctl list-units 'demo@*' --state=active --no-legend --plain"
        return self.server.run(f"{listed} | cut -d' ' -f1 | sort").split()

    def answer(self):
        ask = "curl -s -o /dev/null -w '%{http_code}' -H 'Host: demo.localhost' http://127.0.0.1/"
        return self.server.run(ask)


FILES = f"sha256sum {PROGRAM} {CONF}; ls -A /etc/nginx/conf.d /usr/local/lib {paths.UNITS}"


@pytest.fixture(scope="module")
def box(lab_server):
    """A server with nginx, our recovery at boot, and a site."""
    made = Box(lab_server())
    made.make(*(Step(PUT, Package(name), phase=PREPARE) for name in ("nginx", "curl")))
    made.make(
        Step(PUT, Directory(paths.LIBRARY)),
        Step(PUT, File(paths.AGENT, bundle.program())),
        Step(PUT, File(f"{paths.UNITS}/cinestream-recover.service", RECOVER)),
        Step(PUT, Daemon()),
        Step(PUT, Unit("cinestream-recover.service")),
    )
    assert {"event": "done"} == made.make(*site())[-1]
    return made


def last(events):
    return events[-1]


def test_workers_are_enabled_and_serve_through_nginx(box):
    state = box.state()

    assert 2 * WORKERS == len(state[0])
    assert "200" == state[2]


def test_looking_again_finds_every_unit_as_it_should_be(box):
    with box.talk() as conversation:
        steps = planned(conversation, tuple(units()))

    assert {"enabled": True, "active": True} == steps[0].before
    assert all(step.item.met_by(step.before) for step in steps)


def test_a_restart_goes_a_quarter_at_a_time(box):
    events = box.make(*restarting(WORKER + b"# 2"))

    done = [event["done"] for event in events if event["event"] == "progress"]
    assert [2, 4, 6, 8] == done
    assert {"event": "done"} == last(events)


def test_workers_that_do_not_start_bring_the_old_ones_back(box):
    before = box.state()

    events = box.make(*restarting(b"import sys; sys.exit('canary')"))

    assert "canary" in last(events)["why"]
    assert last(events)["restored"]
    assert before == box.state()


def test_a_configuration_that_nginx_rejects_is_never_in_place(box):
    before = box.state()

    events = box.make(Step(PUT, Fence("nginx")), Step(PUT, conf(extra="nonsense on;")), GATE)

    assert f'unknown directive "nonsense" in {CONF}' in last(events)["why"]
    assert not [event for event in events if event["event"] == "step"]
    assert before == box.state()


def test_a_site_that_is_not_well_behind_the_gate_sends_the_change_back(box):
    before = box.state()
    ill = File(CONF, b"server { listen 80; server_name demo.localhost; return 503; }")

    events = box.make(Step(PUT, Fence("nginx")), Step(PUT, ill), GATE)

    assert "`demo.localhost` would not answer" in last(events)["why"]
    assert before == box.state()


def test_a_scale_down_leaves_nothing_above_the_new_count(box):
    fewer = WORKERS // 2
    gone = [Step(REMOVE, unit, site="demo") for unit in units(fewer)]

    events = box.make(Step(PUT, Fence("nginx")), Step(PUT, conf(fewer)), GATE, *gone)

    assert {"event": "done"} == last(events)
    assert 2 * fewer == len(box.workers())
    assert str(fewer) == box.server.run(
        "ls /etc/systemd/system/multi-user.target.wants | grep -c demo"
    )
    assert {"event": "done"} == last(box.make(*site()))


@pytest.mark.parametrize(
    "deed", ["start demo@8100.service", "start demo@8100.socket", "enable demo@8100"]
)
def test_a_worker_that_somebody_started_by_hand_is_ours_to_stop(box, deed):
    worker = Unit("demo@8100.service", ("demo@8100.socket",))
    before = box.state()
    box.server.run(f"systemctl {deed}")

    with box.talk() as conversation:
        found = look(conversation)
        owned = found.owned[worker.key]
        assert ("demo", worker) == (owned.site, items.item(owned.words))
        removal = Step(REMOVE, worker, found.items[worker.key], site="demo")
        assert {"event": "done"} == list(apply(conversation, [removal]))[-1]

    assert before == box.state()
    assert "" == box.server.run("systemctl list-units --no-legend --state=active 'demo@8100.*'")


def test_a_killed_agent_is_undone_by_the_next_conversation(box):
    before = box.state()
    gone = [Step(REMOVE, unit, site="demo") for unit in units(2)]
    steps = [Step(PUT, Fence("nginx")), Step(PUT, conf(2)), GATE, *gone, Step(PUT, KILL)]
    with pytest.raises(Unreachable):
        box.make(*steps)

    with box.talk() as conversation:
        look(conversation)

    assert before == box.state()


def test_a_power_cut_is_undone_at_boot(box):
    before = box.state()
    broken = restarting(WORKER + b"# 3")
    with box.talk() as conversation:
        until_ready(begin(conversation, planned(conversation, tuple(broken))))
        lab.power_cut(box.server.lab.name)
    lab.boot(box.server.lab.name)
    box.server.run("systemctl is-system-running --wait || true")

    history = box.ask(do="history")["entries"]

    assert "recovered" == history[-1]["outcome"]
    assert before == box.state()


def test_the_status_tells_of_every_worker(box):
    names = [unit.unit for unit in units()]

    told = box.ask(do="status", sites={"demo": names})["sites"][0]

    assert "demo" == told["name"]
    assert names == [worker["unit"] for worker in told["workers"]]
    assert {True} == {worker["ready"] for worker in told["workers"]}
    assert {"active"} == {worker["state"] for worker in told["workers"]}
    assert all(worker["memory"] > 1 << 20 for worker in told["workers"])


def test_logs_are_told_line_by_line(box):
    with box.talk() as conversation:
        order = {
            "do": "logs",
            "site": "demo",
            "units": ["demo@8001.service"],
            "lines": 3,
            "follow": False,
        }
        events = list(conversation.events(order))

    assert ["line"] * 3 + ["done"] == [event["event"] for event in events]
    assert "demo@8001.service" in events[0]["text"]


def test_following_logs_ends_with_the_next_order(box):
    with box.talk() as conversation:
        order = {
            "do": "logs",
            "site": "demo",
            "units": ["demo@8001.service"],
            "lines": 1,
            "follow": True,
        }
        events = conversation.events(order)
        first = next(events)
        conversation.send({"do": "stop"})
        rest = [event["event"] for event in events]

    assert "line" == first["event"]
    assert "done" == rest[-1]


@pytest.mark.parametrize("value", ["a b", "it's", 'say "hi"', "back\\slash", "$HOME `x` # y", "ü"])
def test_systemd_reads_an_env_file_as_we_write_it(box, value):
    item = EnvFile("/root/test.env", "root", "root", plain=(("A", value),))
    box.make(item if isinstance(item, Step) else Step(PUT, item))
    ask = "systemd-run --quiet --pipe -p EnvironmentFile=/root/test.env printenv A"

    found = box.server.run(ask)

    assert value == found


SLEEPERS = r"""
cd /etc/systemd/system
printf '[Service]\nExecStart=/bin/sleep 1000\n' | tee static@.service >plain.service
printf '[Install]\nWantedBy=multi-user.target\n' | cat plain.service - | tee on@.service >off.service
systemctl daemon-reload
systemctl enable --quiet --now on@1
systemctl start on@2 static@1
systemctl mask --quiet on@3
"""


@pytest.mark.parametrize(
    ("unit", "enabled", "active"),
    [
        ("ssh.service", True, True),
        ("plain.service", True, False),
        ("off.service", False, False),
        ("on@1.service", True, True),
        ("on@2.service", False, True),
        ("on@3.service", False, False),
        ("on@4.service", False, False),
        ("static@1.service", True, True),
        ("static@2.service", True, False),
    ],
)
def test_a_unit_is_told_of_without_being_loaded(each_server, unit, enabled, active):
    each_server.run(SLEEPERS)

    with Box(each_server).talk() as conversation:
        found = look(conversation, Unit(unit), Unit("none.service"), Unit("none@1.service"))

    assert {"enabled": enabled, "active": active} == found.items[f"unit:{unit}"]
    assert found.items["unit:none.service"] is found.items["unit:none@1.service"] is None
