"""
How long changes take beside the floor and the peers, in one run, as ratios.

    python benchmarks/run.py [--rounds N] [--peers]

Boots a lab server, makes a site with 24 workers on it, and times whole commands in turn.  A ratio
is the median over the rounds of one tool's time by the floor's time of the same round: machines
are noisy, and a pair of neighbours is not.  Peers are installed into the cache first.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from world import world, written

from cinestream_ops import engine, lab
from cinestream_ops.channel.target import Target
from cinestream_ops.lab.faults import NoSuchLab

HERE = Path(__file__).parent
NAME = "bench"
WORKERS = 24
CACHE = Path(os.environ.get("CINESTREAM_CACHE") or Path.home() / ".cache/cinestream")
PEERS = CACHE / "peers"


@dataclass
class Bench:
    """One lab server, and the commands that tools would be called with for it."""

    home: Path
    server: lab.Lab
    peers: bool
    times: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        # Python's start is part of what is timed, so it may keep its compiled modules.
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        own = {"CINESTREAM_CONFIG": str(self.home), "CINESTREAM_SERVER": NAME}
        return {**kept, **own, "CINESTREAM_CACHE": str(CACHE)}

    def run(self, argv: Sequence[str], **more: str) -> float:
        began = time.perf_counter()
        done = subprocess.run(
            argv, env={**self.environment, **more}, capture_output=True, text=True, check=False
        )
        took = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"{' '.join(argv)}:\n{done.stderr}{done.stdout}")
        return took

    def cinestream(self, *words: str) -> float:
        return self.run([sys.executable, "-m", "cinestream_ops", *words])

    def floor(self, mode: str, told: Path) -> float:
        it = self.server
        place = (it.address, str(it.port), it.identity_file, it.known_hosts)
        return self.run([sys.executable, str(HERE / "floor.py"), mode, *place, str(told)])

    def pyinfra(self, told: Path) -> float:
        it = self.server
        options = ("--user", "root", "--key", it.identity_file, "--data", f"world={told}")
        known = ("--data", f"ssh_known_hosts_file={it.known_hosts}")
        program = str(PEERS / "bin/pyinfra")
        return self.run(
            [program, "-y", it.address, *options, *known, str(HERE / "peers/deploy.py")]
        )

    def mitogen(self, told: Path) -> float:
        it = self.server
        plugins = next(PEERS.glob("lib/python*/site-packages/ansible_mitogen/plugins/strategy"))
        ssh = f"-o UserKnownHostsFile={it.known_hosts} -o IdentitiesOnly=yes"
        argv = [
            str(PEERS / "bin/ansible-playbook"), "-i", f"{it.address},", "-u", "root",
            "--private-key", it.identity_file, "-e", f"@{told}", str(HERE / "peers/site.yml"),
        ]  # fmt: skip
        return self.run(
            argv,
            ANSIBLE_STRATEGY="mitogen_linear",
            ANSIBLE_STRATEGY_PLUGINS=str(plugins),
            ANSIBLE_SSH_ARGS=ssh,
            ANSIBLE_PYTHON_INTERPRETER="/usr/bin/python3",
        )

    def note(self, what: str, tool: str, took: float) -> None:
        self.times.setdefault((what, tool), []).append(took)
        print(f"{what}: {tool} {took:.2f} s", file=sys.stderr)

    def sh(self, script: str) -> float:
        return self.run(lab.ssh_argv(self.server, [script]))


def nothing_to_do(bench: Bench, told: Path) -> None:
    what = "nothing to do, 24 workers"
    bench.note(what, "floor", bench.floor("look", told))
    bench.note(what, "cinestream", bench.cinestream("apply", "--yes"))
    if bench.peers:
        bench.note(what, "pyinfra", bench.pyinfra(told))
        bench.note(what, "ansible with mitogen", bench.mitogen(told))


def first_apply(bench: Bench, told: Path) -> None:
    what = "first apply, 24 workers, venv there"
    tools: dict[str, Callable[[], float]] = {
        "floor": lambda: bench.floor("apply", told),
        "cinestream": lambda: add_site(bench),
    }
    for tool, act in tools.items():
        gone(bench)
        bench.note(what, tool, act())


def growing(bench: Bench, many: Path) -> None:
    what = "4 to 24 workers"
    tools: dict[str, Callable[[], float]] = {
        "floor": lambda: bench.floor("apply", many),
        "cinestream": lambda: bench.cinestream("edit-site", NAME, "--workers", "24", "--yes"),
    }
    if bench.peers:
        tools["pyinfra"] = lambda: bench.pyinfra(many)
        tools["ansible with mitogen"] = lambda: bench.mitogen(many)
    for tool, act in tools.items():
        bench.cinestream("edit-site", NAME, "--workers", "4", "--yes")
        bench.sh(
            "for p in $(seq 8005 8024); do"
            f" systemctl disable -q --now {NAME}@$p.service {NAME}@$p.socket; done"
        )
        bench.note(what, tool, act())
    bench.cinestream("edit-site", NAME, "--workers", "24", "--yes")


def add_site(bench: Bench) -> float:
    source = ("--source", str(HERE / "site"), "--wsgi", "app:app", "--no-database")
    return bench.cinestream("add-site", NAME, *source, "--workers", str(WORKERS), "--yes")


def gone(bench: Bench) -> None:
    """Take away what any tool may have made of the site, but for its venv and release."""
    bench.cinestream("remove-site", NAME, "--yes")
    bench.sh(
        f"systemctl disable -q --now '{NAME}@*' {NAME}.target 2>/dev/null;"
        f" rm -rf /etc/systemd/system/{NAME}* /etc/nginx/sites-*/{NAME}.conf"
        f" /etc/cinestream/sites/{NAME}.toml /etc/cinestream/nft/{NAME}.nft"
        f" /var/www/{NAME}/.env; systemctl daemon-reload; systemctl reload nginx"
    )


def shown(bench: Bench) -> None:
    table = Table("what", "tool", "median s", "x floor", title="whole commands, over SSH")
    for (what, tool), times in bench.times.items():
        floors = bench.times[what, "floor"]
        ratio = statistics.median(a / b for a, b in zip(times, floors, strict=True))
        table.add_row(what, tool, f"{statistics.median(times):.2f}", f"{ratio:.2f}")
    Console(width=100).print(table)


@contextmanager
def booted(*, peers: bool) -> Iterator[Bench]:
    if peers and not (PEERS / "bin/pyinfra").exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        pip = [str(PEERS / "bin/pip"), "install", "-q", "-r", str(HERE / "peers/requirements.txt")]
        subprocess.run(pip, check=True)
    with TemporaryDirectory() as home:
        with suppress(NoSuchLab):
            lab.down(NAME)
        bench = Bench(Path(home), lab.up(NAME), peers)
        try:
            bench.cinestream("lab", "up", NAME)
            bench.cinestream("setup", "--mongodb", "none", "--yes")
            add_site(bench)
            yield bench
        finally:
            lab.down(NAME)


def looked(bench: Bench) -> engine.Found:
    it = bench.server
    target = Target(NAME, it.address, it.port, it.user, it.identity_file, it.known_hosts)
    with engine.converse(target, ask_host_key=lambda _: False) as conversation:
        return engine.look(conversation)


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").strip())
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--peers", action="store_true")
    options = asked.parse_args()
    with booted(peers=options.peers) as bench:
        found = looked(bench)
        many = written(world(found, NAME, WORKERS), bench.home / "many.json")
        for _ in range(options.rounds):
            nothing_to_do(bench, many)
            first_apply(bench, many)
            growing(bench, many)
        shown(bench)


if __name__ == "__main__":
    main()
