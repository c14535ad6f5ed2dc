"""
A worker of what is about to go live, on a port that nginx knows nothing of.

It may not touch a worker that runs, nor outlive its step.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any, Dict, List, Mapping, Set, Tuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from cinestream_ops.agent import probes, transient
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Trial
from cinestream_ops.state.steps import Step

PATIENCE, ANSWERED = 120, 30  # seconds until it must be ready, and until it must have answered
# Should nobody be left to stop it, or a thread of the application outlast that.
LIFE = ("RuntimeMaxSec=300", "TimeoutStopSec=2")
REDIRECTS = 20  # after as many a browser gives up (Fetch, "HTTP-redirect fetch")
NO_COOKIES: Mapping[str, str] = {}
# As nginx says it, `nginx_templates/proxy.inc.j2`.
FORWARDED = "X-Forwarded-Proto: https\r\nX-Forwarded-For: 127.0.0.1\r\n"
ACCEPT = "nothing else was touched; `--accept-errors` goes live with it all the same"
LOOPS = (
    "the application must believe `X-Forwarded-Proto`, as Django does with "
    "`SECURE_PROXY_SSL_HEADER`; `--accept-errors` goes live with it all the same"
)
HINT = "nothing else was touched; `cinestream logs` and the code may tell more"


def back(step: Step) -> List[Step]:
    """A dead agent leaves it running."""
    return [Step(RESTORE, step.item, None, step.phase, step.site)]


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Trial)
    unit = f"cinestream-trial-{item.site}.service"
    end(unit)
    if step.verb == RESTORE:
        return
    try:
        port = start(item, unit, kit)
        ask(item, port)
    finally:
        end(unit)


def end(unit: str) -> None:
    transient.end(socket_of(unit))
    transient.end(unit)


def socket_of(unit: str) -> str:
    return unit.replace(".service", ".socket")


def start(item: Trial, unit: str, kit: Kit) -> int:
    """
    The port of a worker that said it is ready.

    Its socket is systemd's, as those of workers are: any other is not reached there.
    """
    port = free_port(item)
    words = [each.replace("{port}", str(port)) for each in item.argv]
    listens = f"--socket-property=ListenStream={probes.HERE}:{port}"
    options = ["--service-type=notify", listens]
    run = transient.argv(unit, options, [*item.properties, "NotifyAccess=main", *LIFE])
    try:
        kit.run([*run, *transient.escaped(words)], PATIENCE)
        kit.run(["systemctl", "start", unit], PATIENCE)
    except Refused as error:
        why = (transient.last_words(unit) or error.why).replace("error: ", "", 1)
        said = f"\n{why}" if "\n" in why else f" {why}"
        raise Refused(f"a trial worker of `{item.site}` did not start:{said}", HINT) from None
    return port


def free_port(item: Trial) -> int:
    for port in (*range(item.port, item.end), 0):
        with suppress(OSError), socket.socket() as probe:
            probe.bind((probes.HERE, port))
            return int(probe.getsockname()[1])
    raise Refused("no port is free for a trial worker")


def ask(item: Trial, port: int) -> None:
    """It can serve, and the application does not fail at the first page that anybody opens."""
    code, _ = answer(port, "/readyz", item.host)
    if not 200 <= code < 300:
        raise refusal(item, told("/readyz", code), HINT)
    if not item.errors:
        open_page(item, port)


def open_page(item: Trial, port: int) -> None:
    """
    The front page, wherever it leads to on this host, with the cookies that are set on the way.

    `Refused` if that ends in an error of the server's, or nowhere.
    """
    path = "/"
    cookies: Dict[str, str] = {}
    seen: Set[Tuple[Any, ...]] = set()
    while (path, *cookies.items()) not in seen and len(seen) < REDIRECTS:
        seen.add((path, *cookies.items()))
        code, headers = answer(port, path, item.host, cookies)
        if not 200 <= code < 500:
            raise refusal(item, told(path, code), ACCEPT)
        cookies.update(pairs(headers.get("set-cookie", "")))
        path = led(path, item.host, headers.get("location", "")) if 300 <= code < 400 else ""
        if not path:
            return
    raise refusal(item, "redirects `/` for ever, over https as well", LOOPS)


def led(path: str, host: str, location: str) -> str:
    """The path on *host* that *path* redirects to; empty where it leads elsewhere, or nowhere."""
    try:
        there = urlsplit(urljoin(f"https://{host}{path}", location))
        on_host = bool(location) and there.hostname == host
    except ValueError:
        return ""
    return urlunsplit(("", "", there.path or "/", there.query, "")) if on_host else ""


def pairs(cookies: str) -> Dict[str, str]:
    """What each line of *cookies* sets, as it is sent back."""
    first = (line.partition(";")[0].partition("=") for line in cookies.splitlines())
    return {name.strip(): value for name, _, value in first}


def told(path: str, code: int) -> str:
    return f"answers `{path}` with {code}" if code else f"does not answer `{path}`"


def refusal(item: Trial, why: str, hint: str) -> Refused:
    words = transient.last_words(f"cinestream-trial-{item.site}.service")
    return Refused(f"a trial worker of `{item.site}` {why}\n{words}".strip(), hint)


def answer(
    port: int, path: str, host: str, cookies: Mapping[str, str] = NO_COOKIES
) -> Tuple[int, probes.Headers]:
    """The status and headers of what nginx asks for a visitor over https; 0 without an answer."""
    end = time.monotonic() + ANSWERED
    kept = "; ".join(f"{name}={value}" for name, value in cookies.items())
    more = FORWARDED + (f"Cookie: {kept}\r\n" if kept else "")
    try:
        with socket.create_connection((probes.HERE, port), timeout=ANSWERED) as stream:
            return probes.exchange(stream, path, host, end, more)
    except (OSError, ValueError):
        return 0, {}
