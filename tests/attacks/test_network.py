"""
What a site tries on the network: to be taken for another one, to be reached, to learn who the server is.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.attacks.tenant import Tenant

ALICE = "alice.localhost"
# Listens wherever it is told to and answers as a site would; the kernel answers for a backlog of 0
# with SYN cookies, which belong to nobody.
SQUATTER = """
import socket, sys, threading
port = int(sys.argv[1])
def stand(host, backlog):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family); door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in host: door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    door.bind((host, port)); door.listen(backlog)
    while True:
        caller = door.accept()[0]
        caller.recv(4096); caller.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 8\\r\\n\\r\\nsquatted"); caller.close()
hosts = sys.argv[2:]
for host in hosts[1:]: threading.Thread(target=stand, args=(host, 0)).start()
stand(hosts[0], 16)
"""


@contextmanager
def squatting(mallory: Tenant, port: int, *hosts: str) -> Iterator[None]:
    pid = mallory.starts("/usr/bin/python3", "-c", SQUATTER, str(port), *hosts)
    try:
        listening = f"ss -Hltn sport = :{port} | grep -q ."
        mallory.host.sh(f"for n in $(seq 100); do {listening} && exit; sleep 0.1; done; exit 1")
        yield
    finally:
        mallory.sh(f"kill -9 {pid}")


def asked(mallory: Tenant, *words: str) -> str:
    """What root hears who asks there."""
    return mallory.host.tries("curl", "--silent", "--max-time", "5", *words).stdout


def test_who_takes_a_port_that_is_nobodys_is_not_reached_there(mallory):
    for port in (8050, 8150):
        with squatting(mallory, port, "127.0.0.1", "127.0.0.2", "::1"):
            for host in ("127.0.0.1", "127.0.0.2", "[::1]"):
                assert not asked(mallory, f"http://{host}:{port}/")


def test_its_own_servers_on_other_ports_of_this_machine_stay_its_own(mallory):
    with squatting(mallory, 9555, "127.0.0.1"):
        assert "squatted" == asked(mallory, "http://127.0.0.1:9555/")


def test_who_takes_the_ports_of_workers_that_were_given_up_gets_no_visitor(attacked, mallory):
    host = attacked.host
    stop = "systemctl stop alice@8001.socket alice@8002.socket alice@8001 alice@8002"
    start = "systemctl start alice@8001.socket alice@8002.socket alice@8001 alice@8002"
    with host.meanwhile("systemctl stop alice@8001.socket alice@8001", start):
        with squatting(mallory, 8001, "127.0.0.1"):
            # The one that lives answers all.
            assert {200} == {host.get(ALICE)[0] for _ in range(6)}
            assert "squatted" not in host.get(ALICE)[1]
        host.sh(stop)
        with squatting(mallory, 8001, "127.0.0.1"), squatting(mallory, 8002, "0.0.0.0"):
            status, told = host.get(ALICE, "/", "--include")

    assert 503 == status
    assert "squatted" not in told
    assert re.search("^Retry-After: 10", told, re.MULTILINE)
    assert 200 == host.get(ALICE)[0]


def test_a_site_is_reached_from_nowhere_but_by_nginx(attacked, mallory):
    address = attacked.host.lab.address

    with squatting(mallory, 8888, "0.0.0.0", "::"), squatting(mallory, 8889, address):
        asked_there = [f"http://{address}:{port}/" for port in (8888, 8889)]
        told = [outside("curl", "--silent", "--max-time", "3", each) for each in asked_there]

    assert ["", ""] == told


REACHES = """
import socket, sys
for host, port in [("169.254.169.254", 80), ("::ffff:169.254.169.254", 80), ("fd00:ec2::254", 80), ("169.254.169.254", 53)]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as caller:
        caller.settimeout(10)
        try: caller.connect((host, port)); print("reached")
        except OSError as error: print(type(error).__name__)
"""


def test_no_site_learns_from_the_cloud_who_the_server_is(attacked, mallory):
    """Nor does what runs beside its workers; but some clouds have their resolver there."""
    up = (
        "ip address add 169.254.169.254/32 dev lo; ip address add fd00:ec2::254/128 dev lo nodad;"
        "systemd-run --quiet --unit=resolver.service"
        " /usr/bin/python3 -m http.server --bind 169.254.169.254 53;"
        "curl -so /dev/null --retry 50 --retry-connrefused --retry-delay 1 http://169.254.169.254:53/"
    )
    down = (
        "systemctl stop resolver; ip address delete 169.254.169.254/32 dev lo;"
        "ip address delete fd00:ec2::254/128 dev lo"
    )
    with attacked.host.meanwhile(up, down):
        mine = mallory.python(REACHES).out.split()
        beside = attacked.host.runs(
            *("systemd-run", "--quiet", "--wait", "--pipe", "--property=User=mallory"),
            *("/usr/bin/python3", "-c", REACHES),
        )
        roots = attacked.host.runs("/usr/bin/python3", "-c", REACHES).split()

    assert ["ConnectionRefusedError"] * 3 + ["reached"] == mine == beside.split()
    assert ["reached"] * 4 == roots


def test_one_address_that_says_nothing_does_not_silence_the_others(attacked):
    held = []
    with ExitStack() as stack:
        for _ in range(1700):
            caller = stack.enter_context(socket.socket())
            caller.settimeout(10)
            if caller.connect_ex((attacked.host.lab.address, 80)) == 0:
                caller.sendall(b"GET / HTTP/1.1\r\n")
                held.append(caller)
            else:
                caller.close()
        status, _ = attacked.host.get(ALICE)

    assert (200, True) == (status, 0 < len(held) <= 256)


def outside(*argv: str) -> str:
    """What somebody hears who is not on the server."""
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout
