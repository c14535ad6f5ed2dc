"""
The firewall in a network of its own: who comes through, and who does not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.render import case
from tests.tools import tree

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

# What each trial may use.  `SITE` is the uid of a site, whose block is 8001-8100; the network has a
# neighbour at 10.9.0.2 and fd09::2, to whom it is 10.9.0.1 and fd09::1.
TOOLS = """
import ctypes, os, signal, socket, subprocess, sys
ROOT, NGINX, SITE, OTHER = 0, 33, 12345, 65534
def family(host): return socket.AF_INET6 if ":" in host else socket.AF_INET
def away(work, uid=ROOT, space=None):
    "What *work* returns in a process of *uid*, in the network namespace of the process *space*."
    hear, say = os.pipe()
    if os.fork() == 0:
        if space:
            assert not ctypes.CDLL(None).setns(os.open(f"/proc/{space}/ns/net", os.O_RDONLY), 0)
        os.setgid(uid); os.setuid(uid)
        try: told = work()
        except OSError as error: told = type(error).__name__
        os.write(say, str(told).encode()); os._exit(0)
    os.close(say)
    return os.read(hear, 4096).decode()
def listening(uid, host, port, backlog=5, protocol=0):
    "A socket that *uid* has opened."
    near, far = socket.socketpair()
    def opened():
        door = socket.socket(family(host), socket.SOCK_STREAM, protocol)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port)); door.listen(backlog)
        socket.send_fds(far, [b"."], [door.fileno()])
    away(opened, uid)
    return socket.socket(fileno=socket.recv_fds(near, 1, 1)[1][0])
def reaches(host, port, protocol=0):
    with socket.socket(family(host), socket.SOCK_STREAM, protocol) as caller:
        caller.settimeout(5); caller.connect((host, port))
        return "reached"
def serving(work):
    "*work* without an end, in a process that ends with us."
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        while True:
            try: work()
            except OSError: pass
def told(*words): print(*words, flush=True)
"""
NEIGHBOUR = """
ip link set lo up
unshare --net sleep 60 & echo $! >{root}/neighbour
until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
ip link add here type veth peer name there netns $!
there() {{ nsenter --net=/proc/$(cat {root}/neighbour)/ns/net "$@"; }}
ip address add 10.9.0.1/24 dev here; ip address add fd09::1/64 dev here nodad; ip link set here up
ip address add 169.254.9.1/16 dev here; ip address add fe80::9:1/64 dev here nodad
there ip address add 10.9.0.2/24 dev there; there ip address add fd09::2/64 dev there nodad
there ip address add 169.254.169.254/16 dev there; there ip address add fd00:ec2::254/128 dev there nodad
there ip link set there up; there ip link set lo up; ip route add fd00:ec2::254 dev here
"""


@pytest.fixture
def trial(tmp_path: Path):
    """Runs a program in such a network, with the rules of the case *name*, and has what it tells."""

    def run(program: str, name: str = "bundled", uid: str = "12345") -> list[str]:
        tree.lay_out(case.read(case.CASES / f"{name}.txt").text, tmp_path)
        rules = tmp_path / "etc/cinestream/firewall.nft"
        for path in rules.parent.rglob("*.nft"):
            # Accounts of sites are made on a server.
            path.write_text(path.read_text().replace('"movie_app"', uid).replace('"my-shop"', uid))
        (tmp_path / "trial.py").write_text(f"{TOOLS}\nTHERE = sys.argv[1]\n{program}")
        # A site beside it has come when the rules are loaded anew, where their own table is.
        beside = rules.parent / "nft/beside.nft"
        beside.write_text("add element inet cinestream ports { 8201-8300 }\n")
        script = (
            f"set -e\n{NEIGHBOUR.format(root=tmp_path)}\nmv {beside} {tmp_path}; nft -f {rules}\n"
            f"mv {tmp_path}/beside.nft {beside}; nft -f {rules}\n"
            f"{python()} -I {tmp_path}/trial.py $(cat {tmp_path}/neighbour)\nkill $(cat {tmp_path}/neighbour)"
        )
        done = subprocess.run(
            ["unshare", "--net", "bash", "-c", script], check=False, capture_output=True, text=True
        )
        assert not done.returncode, done.stderr + done.stdout
        return done.stdout.splitlines()

    return run


def python() -> str:
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


def test_only_root_and_nginx_reach_the_ports_of_workers(trial):
    told = trial("""
worker, own = listening(ROOT, "127.0.0.1", 8001), listening(OTHER, "127.0.0.1", 9001)
for user in (ROOT, NGINX, SITE, OTHER):
    told(*(away(lambda: reaches("127.0.0.1", port), user) for port in (8001, 9001)))
MPTCP = 262
told(away(lambda: reaches("127.0.0.1", 8001, MPTCP), SITE))
""")

    refused = "ConnectionRefusedError"
    assert ["reached reached"] * 2 + [f"{refused} reached"] * 2 + [refused] == told


def test_who_listens_on_a_port_of_the_block_without_being_a_worker_is_not_reached(trial):
    """A backlog of 0 has the kernel answer with SYN cookies, which no account can be told of."""
    told = trial("""
doors = [
    listening(SITE, "127.0.0.1", 8050), listening(SITE, "127.0.0.1", 8051, 0), listening(OTHER, "0.0.0.0", 8052),
    listening(SITE, "::1", 8050, 0), listening(SITE, "::", 8053), listening(SITE, "0.0.0.0", 8054, 0, 262),
]
for host, port in [("127.0.0.1", 8050), ("127.0.0.1", 8051), ("127.0.0.1", 8052), ("::1", 8050), ("127.0.0.1", 8053), ("127.0.0.1", 8054)]:
    told(*(away(lambda: reaches(host, port), user) for user in (NGINX, ROOT)))
""")

    assert ["ConnectionRefusedError ConnectionRefusedError"] * 6 == told


def test_a_worker_calls_nobody_with_the_socket_that_it_was_handed(trial):
    """It is root's, as far as the kernel can tell."""
    told = trial("""
alice, handed = listening(ROOT, "127.0.0.1", 8001), listening(ROOT, "127.0.0.1", 8002)
def turned():
    handed.shutdown(socket.SHUT_RDWR); handed.settimeout(5)
    handed.connect(("127.0.0.1", 8001))
    return "reached"
told(away(turned, SITE))
""")

    # Linux 6.18 knows no way from a socket that has listened to one that calls: EINVAL.
    assert told in (["ConnectionRefusedError"], ["OSError"])


def test_no_site_takes_all_connections_of_the_database(trial):
    told = trial("""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
door = listening(OTHER, "127.0.0.1", 27017, 4096)
def greedy():
    callers = []
    try:
        for _ in range(4096): callers.append(socket.create_connection(("127.0.0.1", 27017), 5))
    except ConnectionRefusedError:
        if os.fork() == 0:  # who holds them while others come
            for pipe in range(3): os.close(pipe)
            signal.alarm(20); signal.pause()
        return len(callers)
held = away(greedy, SITE)
told(held, *(away(lambda: reaches("127.0.0.1", 27017), uid) for uid in (SITE, OTHER)))
""")

    assert ["1856 ConnectionRefusedError reached"] == told


def test_no_site_is_reached_from_elsewhere(trial):
    told = trial("""
def answered(host, port):
    with socket.socket(family(host), socket.SOCK_STREAM) as caller:
        caller.settimeout(2); caller.connect((host, port))
        return caller.recv(9) or "nothing"
def greets(door): serving(lambda: door.accept()[0].send(b"hello"))
hosts = ("10.9.0.1", "fd09::1")
for uid, port, backlog in ((OTHER, 8888, 5), (SITE, 8889, 5), (SITE, 8890, 0), (SITE, 8001, 5)):
    for host in hosts:
        greets(listening(uid, host, port, backlog))
        told(away(lambda: answered(host, port), space=THERE))
greets(listening(SITE, "127.0.0.1", 8889))
told(away(lambda: answered("127.0.0.1", 8889), SITE))
""")

    assert ["b'hello'"] * 2 == told[:2]
    assert not [each for each in told[2:-1] if "hello" in each], told
    assert "b'hello'" == told[-1]
    assert 9 == len(told)


def test_no_site_answers_a_datagram_from_elsewhere_and_may_ask_by_itself(trial):
    told = trial("""
def echo(uid, host, port):
    near, far = socket.socketpair()
    def opened():
        door = socket.socket(family(host), socket.SOCK_DGRAM); door.bind((host, port))
        socket.send_fds(far, [b"."], [door.fileno()])
    away(opened, uid)
    door = socket.socket(fileno=socket.recv_fds(near, 1, 1)[1][0]); return door
def asks(host, port):
    with socket.socket(family(host), socket.SOCK_DGRAM) as caller:
        caller.settimeout(1); caller.sendto(b"ping", (host, port))
        return caller.recv(9)
for uid, port in ((OTHER, 8888), (SITE, 8889)):
    for host in ("10.9.0.1", "fd09::1"):
        door = echo(uid, host, port)
        serving(lambda: door.sendto(*door.recvfrom(9)))
        told(away(lambda: asks(host, port), space=THERE))
def served():
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); door.bind(("10.9.0.2", 5000))
    socket.send_fds(link, [b"."], [door.fileno()])
mine, link = socket.socketpair()
away(served, space=THERE)
remote = socket.socket(fileno=socket.recv_fds(mine, 1, 1)[1][0])
serving(lambda: remote.sendto(*remote.recvfrom(9)))
told(away(lambda: asks("10.9.0.2", 5000), SITE))
""")

    assert ["b'ping'", "b'ping'", "TimeoutError", "TimeoutError", "b'ping'"] == told


def test_no_site_reaches_what_tells_a_server_who_it_is_but_its_resolver(trial):
    told = trial("""
mine, link = socket.socketpair()
def served():
    for host in ("169.254.169.254", "fd00:ec2::254", "10.9.0.2"):
        for port in (80, 53):
            door = socket.socket(family(host), socket.SOCK_STREAM); door.bind((host, port)); door.listen()
            socket.send_fds(link, [b"."], [door.fileno()])
away(served, space=THERE)
doors = [socket.recv_fds(mine, 1, 1)[1] for _ in range(6)]
for host in ("169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "10.9.0.2"):
    told(*(away(lambda: reaches(host, port), uid) for uid in (SITE, OTHER) for port in (80, 53)))
""")

    metadata = "ConnectionRefusedError reached reached reached"
    assert [metadata] * 3 + ["reached reached reached reached"] == told


def test_a_site_calls_those_alone_that_its_spec_names(trial):
    told = trial(
        """
mine, link = socket.socketpair()
def served():
    for host in ("10.9.0.2", "fd09::2"):
        for port in (443, 80):
            door = socket.socket(family(host), socket.SOCK_STREAM); door.bind((host, port)); door.listen()
            socket.send_fds(link, [b"."], [door.fileno()])
away(served, space=THERE)
doors = [socket.recv_fds(mine, 1, 1)[1] for _ in range(4)]
own = listening(SITE, "127.0.0.1", 9001)
for host in ("10.9.0.2", "fd09::2"):
    told(*(away(lambda: reaches(host, port), uid) for uid in (SITE, OTHER) for port in (443, 80)))
told(away(lambda: reaches("127.0.0.1", 9001), SITE))
def asks():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.connect(("10.9.0.2", 5000)); caller.send(b"ping")
        return "sent"
told(away(asks, SITE), away(asks, OTHER))
""",
        "own",
    )

    alone = "reached ConnectionRefusedError reached reached"
    assert [alone, alone, "reached", "PermissionError sent"] == told


def test_one_address_has_so_many_connections_and_its_neighbours_still_have_theirs(trial):
    told = trial("""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
subprocess.run(["nsenter", f"--net=/proc/{THERE}/ns/net", "sh", "-c",
    "for n in 3 4; do ip address add 10.9.0.$n/24 dev there; ip address add fd09::$n/64 dev there nodad; done;"
    "ip address add fd09:0:0:1::2/64 dev there nodad; ip route add fd09::1 dev there"], check=True)
subprocess.run("ip route add fd09:0:0:1::/64 dev here", shell=True, check=True)
nginx = listening(ROOT, "10.9.0.1", 80, 4096), listening(ROOT, "fd09::1", 80, 4096), listening(ROOT, "127.0.0.1", 80, 4096)
def crowd(host, *sources):
    held = []
    for number in range(400):
        caller = socket.socket(family(host), socket.SOCK_STREAM); caller.settimeout(5)
        caller.bind((sources[number % len(sources)], 0))
        try: caller.connect((host, 80))
        except OSError: continue
        held.append(caller)
    return len(held)
def both(host, first, second):
    "The connections of one crowd, and of another while those are held."
    held = away(lambda: (crowd(host, *first), crowd(host, *second)), space=THERE)
    told(held)
both("10.9.0.1", ["10.9.0.2"], ["10.9.0.3"])
both("fd09::1", ["fd09::2", "fd09::3", "fd09::4"], ["fd09:0:0:1::2"])
told(crowd("127.0.0.1", "127.0.0.1"))
""")

    assert ["(256, 256)", "(256, 256)", "400"] == told
