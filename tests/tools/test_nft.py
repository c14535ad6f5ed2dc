"""
The firewall in a network of its own: who comes through to a worker's port, and who does not.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.render import case
from tests.tools import tree

pytestmark = pytest.mark.slow

# Listens on the first port of the block and on one outside it, and tries both as each user.
PROGRAM = """
import os, socket
def listen(port):
    door = socket.socket(); door.bind(("127.0.0.1", port)); door.listen(); return door
doors = [listen(8001), listen(9001)]
def attempt(user):
    child = os.fork()
    if child == 0:
        os.setuid(user)
        told = []
        for port in (8001, 9001):
            with socket.socket() as caller:
                told.append(str(caller.connect_ex(("127.0.0.1", port)) == 0))
        os.write(1, f"{user} {chr(32).join(told)}\\n".encode())
        os._exit(0)
    os.waitpid(child, 0)
for user in (0, 33, 65534): attempt(user)
"""


def test_only_root_and_nginx_reach_the_ports_of_workers(tmp_path):
    if os.geteuid():
        pytest.skip("needs root")
    text = case.read(case.CASES / "bundled.txt").text
    tree.lay_out(text, tmp_path)
    rules = tmp_path / "etc/cinestream/firewall.nft"
    # Twice, since a reload must find its own table there.
    script = f"ip link set lo up && nft -f {rules} && nft -f {rules} && exec {python()} -I -c '{PROGRAM}'"

    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script], check=False, capture_output=True, text=True
    )

    assert ["0 True True", "33 True True", "65534 False True"] == done.stdout.splitlines()


def python() -> str:
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
