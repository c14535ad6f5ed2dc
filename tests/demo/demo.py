"""
The demo: from nothing to a site with 24 workers, TLS and a database, on a throwaway server.

Each command is shown as an owner types it, and then run.  Every one of them converges, so running
the demo twice changes nothing.  `python demo.py up|down [LAB]`.
"""

# ruff: noqa: T201 -- it is a program, and speaks.
from __future__ import annotations

import json
import shlex
import socket
import ssl
import subprocess
import sys
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

CINESTREAM = Path(sys.executable).with_name("cinestream")
SITE, DOMAIN = "movie_app", "movies.example.test"


def main(verb: str, lab: str = "demo") -> None:
    if verb == "down":
        run(f"cinestream lab down {lab}")
        return
    run(f"cinestream lab up {lab}")
    run(f"cinestream setup {lab} --yes")
    run(f"cinestream add-site {SITE} --workers 24 --server {lab} --yes")
    run(f"cinestream domain add {SITE} {DOMAIN} --server {lab} --yes")
    run(f"cinestream domain list --server {lab}")
    tell(lab)


def run(command: str) -> None:
    """Show *command*, and run it; its failure is ours."""
    print(f"\n$ {command}", flush=True)
    _, *words = shlex.split(command)
    done = subprocess.run([CINESTREAM, *words], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def asked(*words: str) -> Any:
    """The answer of a command that reads."""
    done = subprocess.run([CINESTREAM, *words, "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def tell(lab: str) -> None:
    """What stands, as seen from outside, and how to look around."""
    server = next(each for each in asked("lab", "list") if each["name"] == lab)
    (site,) = asked("status", SITE, "--server", lab)
    ready = [worker for worker in site["workers"] if worker["ready"]]
    memory = sum(worker["memory"] for worker in site["workers"]) >> 20
    answer, until = visited(server["address"], server["acme_root"])
    print(f"""
What stands
  URL          https://{DOMAIN}/ ({answer})
  certificate  by the lab's own authority, until {until}
  workers      {len(ready)} of {len(site["workers"])} ready, with {memory} MiB of memory in all

Look around
  cinestream lab ssh {lab}
  cinestream status {SITE} --server {lab}
  cinestream logs {SITE} -f --server {lab}
  cinestream edit-site {SITE} --workers 32 --server {lab}
  curl --resolve {DOMAIN}:443:{server["address"]} --cacert {server["acme_root"]} https://{DOMAIN}/

`make demo-down` removes it all.""")


class Visit(HTTPSConnection):
    """A visitor whose DNS leads to *address*."""

    def __init__(self, name: str, address: str, root: str) -> None:
        self.trust = ssl.create_default_context(cafile=root)
        super().__init__(name, context=self.trust, timeout=30)
        self.address = address

    def connect(self) -> None:
        plain = socket.create_connection((self.address, 443), self.timeout)
        self.sock = self.trust.wrap_socket(plain, server_hostname=self.host)


def visited(address: str, root: str) -> tuple[str, Any]:
    """How the site answers over verified HTTPS, and when its certificate ends."""
    visit = Visit(DOMAIN, address, root)
    visit.connect()
    certificate: Any = visit.sock.getpeercert()
    visit.request("GET", "/")
    answer = visit.getresponse()
    return f"{answer.status} {answer.reason}", certificate["notAfter"]


if __name__ == "__main__":
    main(*sys.argv[1:])
