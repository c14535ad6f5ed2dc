"""
What visitors of this server meet, now and when it starts again.

Whether nginx runs, what it answers for each name and with which certificate, whether our table is
loaded, and whether certificates can be renewed.
It changes nothing, asks everything at once, and has one end for all of it.
"""

from __future__ import annotations

import re
import socket
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Dict, List, Mapping

from cinestream_ops.agent import certificates, firewall, lineages, probes, systemd, tls
from cinestream_ops.agent import kit as kits
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import items, paths

PATIENCE, ANSWERED = 10, 5  # seconds for all of it, and for what names answer
AT_ONCE = 64
RUNS = {"active", "reloading", "refreshing"}
NGINX, RENEWING = "nginx.service", "certbot.service"
ACCOUNTS = Path("/etc/letsencrypt/accounts")
Told = Dict[str, Any]
LATE: Told = {"late": True, "why": f"did not answer within {ANSWERED} s"}


def visitors(order: Mapping[str, Any], kit: Kit) -> Told:
    """
    Of the server: `nginx` and `test`, why nginx does not run or would not start, and the `table`.

    By name, what is wrong with its `answers`, and by lineage, with its `renewals`.
    """
    end = time.monotonic() + ANSWERED
    known = certificates.records(str(kit.home))
    lineages = {name: each for each, names in order["domains"].items() for name in names}
    pool = ThreadPoolExecutor(AT_ONCE)
    test = pool.submit(tested)
    table = pool.submit(firewall.fact, items.item(order["table"]))
    answers = {
        name: pool.submit(answered, name, known.get(lineage, {}), end, kit)
        for name, lineage in lineages.items()
    }
    asked: List[Future[Any]] = [test, table, *answers.values()]
    wait(asked, timeout=PATIENCE + 1)
    for each in answers.values():
        each.cancel()
    pool.shutdown(wait=False)
    states = systemd.running([NGINX, RENEWING])
    return {
        "nginx": "" if states.get(NGINX) in RUNS else states.get(NGINX, "inactive"),
        "test": test.result() if test.done() else "",
        "table": table.result() if table.done() else {"whole": True},
        "answers": {
            name: each.result() if each.done() and not each.cancelled() else LATE
            for name, each in answers.items()
        },
        "renewing": states.get(RENEWING, "") == "failed",
        "renewals": {
            each: renewal(each)
            for each in order["domains"]
            if known.get(each, {}).get("names")  # what is served was had from certbot
        },
    }


def tested() -> str:
    """Why nginx would not start with its files as they are; empty if it would."""
    child = kits.started(["nginx", "-t", "-q"])
    try:
        said = child.communicate(timeout=PATIENCE)[1].decode(errors="replace")
    except subprocess.TimeoutExpired:
        return f"`nginx -t` did not end within {PATIENCE} s"
    finally:
        kits.end(child)
    if not child.returncode:
        return ""
    faults = re.findall(r"\[emerg\] (?:\d+#\d+: )?(.+)", said)
    return str((faults or [kits.last_lines(said)])[0])


def answered(name: str, record: Mapping[str, Any], end: float, kit: Kit) -> Told:
    """The `code` that a visitor of *name* meets, and `why` if nobody or a wrong one answers."""
    secure = name in record.get("names", ())
    try:
        with probes.opened(name, end, tls=secure) as stream:
            if secure:
                wrong = mistaken(stream, record, kit)
                if wrong:
                    return {"why": wrong}
            return code(stream, name, end)
    except (OSError, ValueError, Refused) as error:
        how = "over TLS" if secure else "on port 80"
        told = "the connection was closed" if isinstance(error, ValueError) else error
        return {"why": f"does not answer {how}: {told}"}


def code(stream: Any, name: str, end: float) -> Told:
    try:
        status, _ = probes.exchange(stream, "/", name, end)
    except socket.timeout:
        return LATE
    return {"code": status, "why": f"answers `/` with {status}" if status >= 500 else ""}


def mistaken(stream: Any, record: Mapping[str, Any], kit: Kit) -> str:
    """What is wrong with the certificate on *stream*; empty if it is the one of *record*."""
    served = stream.getpeercert(binary_form=True) or b""
    if served != tls.leaf(certificates.chain(record["lineage"])):
        return "is served with another certificate than its own"
    told = record if tls.fingerprint(served) == record.get("fingerprint") else None
    if (told or tls.described(served, kit))["not_after"] < time.time():
        return "is served with a certificate that is not valid any more"
    return ""


def renewal(lineage: str) -> str:
    """Why certbot cannot renew *lineage* with what it keeps about it; empty if it can."""
    path = lineages.path_of(lineage)
    try:
        said = lineages.settings(path.read_text())
    except OSError:
        return f"`{path}` is gone"
    way = said.get("authenticator", "")
    if way != "webroot":
        return f"`{path}` says `authenticator = {way}` in place of `webroot`"
    for other in sorted(lineages.roots(said) - {paths.WEBROOT}):
        return f"`{path}` answers from `{other}` in place of `{paths.WEBROOT}`"
    account = re.sub(r"\W", "", said.get("account", "")) or "none"
    if not any(ACCOUNTS.glob(f"*/**/{account}/regr.json")):
        return f"the account `{account}` that `{path}` names is not there"
    return ""
