"""
The houses of one street: the tenant, its peers and a bare application, behind one real nginx.

nginx has the very files that `cinestream add-site` would write, moved to a free port.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "site_template" / "src"
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "tenant"), str(SOURCE)]

from showtimes import schedule  # noqa: E402 -- only with the path above
from showtimes.database import Store  # noqa: E402
from showtimes.schedule import Showtime  # noqa: E402
from tenant_processes import RUNNER, House, Mongod, Worker, free_port, get  # noqa: E402

from tests.tools import tree  # noqa: E402

CACHE = Path(os.environ.get("CINESTREAM_CACHE") or Path.home() / ".cache/cinestream")
GUNICORN = "gunicorn==27.0.1"
CITY = "kyiv"
FILMS = 20
CINEMAS = 5
SHOWTIMES = 300
WORKERS = 24
PORTS = range(18_001, 18_001 + WORKERS)
HELLOS = range(18_101, 18_101 + WORKERS)
GTHREAD, SYNC = 18_201, 18_301
CONNECTIONS = 48
ENVIRON = {"MALLOC_ARENA_MAX": "1", "PYTHONNODEBUGRANGES": "1", "PYTHONUNBUFFERED": "1"}
BROWSER = ("Accept-Language: en", "Accept-Encoding: gzip")
TICK = os.sysconf("SC_CLK_TCK")

SITE = """
[sites.{name}]
port = {port}
workers = {workers}
balance = "least-conn"
static = "showtimes/static"
release = "1111111111111111111111111111111111111111111111111111111111111111"
requirements = "2222222222222222222222222222222222222222222222222222222222222222"
"""
CACHES = 'caches = [{ path = "/", unless_cookie = "cinestream" }]\n'
HELLO = """
from flask import Flask

app = Flask("hello")


@app.get("/")
def hello() -> str:
    return "hello"
"""


@dataclass(frozen=True)
class Load:
    """What `wrk` measured: answers a second, and the seconds within which 99 of 100 came."""

    speed: float
    p99: float


@dataclass
class Street:
    """A database, nginx, and what stands behind it."""

    house: House
    nginx: int
    static: Path
    python: Path
    workers: list[Worker] = field(default_factory=list)

    def worker(self, port: int) -> Worker:
        """One of the tenant's, when it is ready."""
        return self.started(port, str(SOURCE / "main.py")).ready()

    def started(self, port: int, *program: str) -> Worker:
        """As its unit does it, but for the sandbox."""
        argv = [str(self.python), "-B", *program, "--port", str(port)]
        return self.house.spawn(argv, port, ENVIRON)

    def open(self) -> None:
        """All of the tenant's workers at once, until each is ready."""
        self.workers = [self.started(port, str(SOURCE / "main.py")) for port in PORTS]
        for worker in self.workers:
            worker.ready()

    def open_peers(self) -> None:
        self.house.write("hello.py", HELLO)
        hello = (str(RUNNER), "--source", str(self.house.source), "--wsgi", "hello:app")
        for worker in [self.started(port, *hello) for port in HELLOS]:
            worker.ready()
        self.gunicorn(GTHREAD, "--worker-class", "gthread", "--threads", "4")
        self.gunicorn(SYNC, "--worker-class", "sync")

    def gunicorn(self, port: int, *options: str) -> None:
        argv = [str(self.python), "-B", "-m", "gunicorn", "showtimes.site:app", *options]
        argv += ["--workers", str(WORKERS), "--bind", f"127.0.0.1:{port}", "--log-level", "error"]
        # A line for each request, as ours.
        argv += ["--access-logfile", str(self.house.directory / f"{port}.log")]
        path = os.pathsep.join((str(gunicorn_here()), str(SOURCE)))
        process = subprocess.Popen(
            argv,
            cwd=self.house.directory,
            env={**os.environ, **ENVIRON, **self.environ, "PYTHONPATH": path},
        )
        self.house.stack.callback(process.wait)
        self.house.stack.callback(process.terminate)
        wait_for(port)

    @property
    def environ(self) -> dict[str, str]:
        lines = (self.house.directory / ".env").read_text().splitlines()
        return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}

    def lay_file(self, name: str, path: str) -> None:
        """Make what stands at *path* a static file of the tenant."""
        page = get(PORTS[0], path, {"Accept-Language": "en"}).text.encode()
        (self.static / name).write_bytes(page)
        (self.static / f"{name}.gz").write_bytes(gzip.compress(page))

    def session(self) -> str:
        """The cookie of a visitor who was here before."""
        answer = get(PORTS[0], f"/{CITY}")
        return str(answer.headers["Set-Cookie"]).partition(";")[0]

    def load(self, host: str, path: str, seconds: int, *headers: str) -> Load:
        """Through nginx, for so many *seconds*.  Raises `SystemExit` when an answer was no 2xx."""
        argv = ["wrk", "--latency", "--timeout=10", f"-c{CONNECTIONS}", "-t2", f"-d{seconds}s"]
        for header in (f"Host: {host}.localhost", *BROWSER, *headers):
            argv += ["-H", header]
        done = subprocess.run(
            [*argv, f"http://127.0.0.1:{self.nginx}{path}"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
            raise SystemExit(f"{host}{path}:\n{done.stdout}")
        return Load(
            speed=float(found(r"Requests/sec:\s+([\d.]+)", done.stdout)),
            p99=seconds_of(found(r"99%\s+([\d.]+[a-z]+)", done.stdout)),
        )


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"wrk told no {pattern}:\n{text}")
    return match[1]


def seconds_of(words: str) -> float:
    """Of `12.3ms`, as wrk writes it."""
    units = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
    unit = words.lstrip("0123456789.")
    return float(words.removesuffix(unit)) * units[unit]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def pss_mib(pid: int) -> float:
    """Its share of memory, shared pages divided among their users (proc_pid_smaps(5))."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(found(r"(?m)^Pss:\s+(\d+) kB", text)) / 1024


def wait_for(port: int) -> None:
    for _ in range(600):
        try:
            if get(port, "/", seconds=5).status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nobody answers at port {port}")


def python_here() -> Path:
    """Of an environment as a site has it, with nothing beside the tenant's requirements."""
    requirements = ROOT / "site_template" / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    venv = CACHE / "bench" / f"venv-{digest}"
    if not (venv / "made").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        install(venv / "bin/python", "--require-hashes", "-r", str(requirements))
        (venv / "made").touch()
    return venv / "bin/python"


def gunicorn_here() -> Path:
    target = CACHE / "bench" / GUNICORN
    if not target.exists():
        install(Path(sys.executable), "--target", str(target), GUNICORN)
    return target


def install(python: Path, *what: str) -> None:
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *what], check=True)


# ── the street itself ──


@contextmanager
def street() -> Iterator[Street]:
    with TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        # nginx's workers are of another user.
        root.chmod(0o755)
        mongod = started_mongod(root / "mongod", stack)
        source = root / "source"
        source.mkdir()
        house = House(root, source, stack)
        stack.callback(house.door.close)
        house.env(MONGODB_URI=mongod.uri, MONGODB_DATABASE="bench", SECRET_KEY="not a secret")
        fill(mongod.uri)
        static = root / "nginx/var/www/tenant/static"
        static.mkdir(parents=True)
        yield Street(house, started_nginx(root / "nginx", stack), static, python_here())


def started_mongod(folder: Path, stack: ExitStack) -> Mongod:
    folder.mkdir()
    mongod = Mongod(folder)
    mongod.start()
    stack.callback(mongod.stop)
    return mongod


def fill(uri: str) -> None:
    """So many showtimes of one day, tomorrow, in one city."""
    store = Store(uri, "bench")
    now = datetime.now(UTC)
    first = (now + timedelta(days=1)).replace(hour=7, minute=0, second=0, microsecond=0)
    schedule.keep(store.showtimes, (row(number, first) for number in range(SHOWTIMES)), now)
    store.locations.update_one({"city": CITY}, {"$set": {"status": "fresh", "last_updated": now}})
    store.close()


def row(number: int, first: datetime) -> Showtime:
    film, cinema = number % FILMS, number // FILMS % CINEMAS
    title = {"en": f"Sample film {film}", "ua": f"Зразок фільму {film}", "ru": f"Образец {film}"}
    return Showtime(
        city=CITY,
        cinema_id=f"{CITY}-sample-{cinema}",
        cinema_name=f"Sample cinema {cinema}",
        film=f"sample-{film}",
        movie=title,
        start_time=first + timedelta(minutes=7 * (number // 10)),
        format=("2D", "3D", "IMAX")[number % 3],
        language=("ua", "en")[number % 2],
        price=120 + 10 * (number % 9),
        buy_link=f"https://tickets.example/{number}",
        source=f"https://cinema-{cinema}.example/schedule",
    )


def moved(doors: dict[str, int]) -> Callable[[re.Match[str]], str]:
    return lambda match: f"{match[1]}{doors[match[2]]}"


def started_nginx(root: Path, stack: ExitStack) -> int:
    """Its port."""
    port = int(free_port())
    text = '[machine]\nnginx = "1.22.1"\n'
    text += SITE.format(name="hello", port=HELLOS[0], workers=WORKERS)
    text += SITE.format(name="tenant", port=PORTS[0], workers=WORKERS) + CACHES
    for name, first in (("threads", GTHREAD), ("plain", SYNC)):
        text += SITE.format(name=name, port=first, workers=1)
    conf = tree.lay_out(text, root)
    doors = {"80": port, "443": free_port()}
    for path in (root / "etc/nginx").rglob("*.conf"):
        path.write_text(re.sub(r"(listen |\[::\]:)(80|443)\b", moved(doors), path.read_text()))
    conf.write_text(conf.read_text().replace("worker_processes 1", "worker_processes auto"))
    process = subprocess.Popen(["/usr/sbin/nginx", "-c", str(conf)])
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return port
