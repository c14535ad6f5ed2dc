"""
A stand-in for the Messages API on a lab server, where the tenant's agent can reach it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.owner.owner import Host

TESTS = Path(__file__).parents[1]
PORT = 9099
HOME = "/root/claude"
PROGRAMS = (
    TESTS / "run" / "stand_in.py",
    TESTS / "run" / "sample.py",
    TESTS / "run" / "sample.toml",
    TESTS / "tenant" / "messages_api.py",
)
SERVE = f"""
from http.server import ThreadingHTTPServer
import stand_in
api = stand_in.StandIn(seconds=1)
ThreadingHTTPServer(("127.0.0.1", {PORT}), stand_in.handler(api)).serve_forever()
"""


@contextmanager
def claude(host: Host, site: str) -> Iterator[str]:
    """Its address; it knows the cities of *site*, and finds the same programme in each."""
    host.runs("mkdir", "-p", HOME)
    for program in PROGRAMS:
        host.tries("tee", f"{HOME}/{program.name}", told=program.read_bytes())
    host.tries("tee", f"{HOME}/serve.py", told=SERVE.encode())
    host.runs(
        "systemd-run", "--quiet", "--unit=claude", f"--setenv=PYTHONPATH=/var/www/{site}/src",
        f"/var/www/{site}/venv/bin/python", f"{HOME}/serve.py",
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{PORT}"
    finally:
        host.runs("systemctl", "stop", "claude")
