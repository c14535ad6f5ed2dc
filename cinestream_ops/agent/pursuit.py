"""
The pursuit of one certificate: prove, rehearse, issue, switch, and look at what is served.

Whatever stops it, the site stays as it was, and the record says why and when it is tried again.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from cinestream_ops.agent import (
    acme,
    certificates,
    disk,
    domains,
    ledger,
    machine,
    record,
    soundness,
    tls,
)  # fmt: skip
from cinestream_ops.agent.certificates import HTTP_ONLY, ISSUED, PENDING_DNS, SOON, Record
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.transaction import Transaction
from cinestream_ops.state import paths
from cinestream_ops.state.items import Certificate, Fence, File, Gate
from cinestream_ops.state.steps import PUT, Step

FIRST, LONGEST = 300, 6 * 3600  # seconds until the next try, doubled each time
BEFORE_SERVED = 15  # seconds that nginx may go on with its old configuration
HOLDER = {"who": "cinestream", "doing": "certify"}


class NotYet(Refused):
    """Where the pursuit stands, and when (seconds since the epoch) it may go on."""

    def __init__(self, state: str, why: str, hint: str = "", until: float = 0) -> None:
        super().__init__(why, hint)
        self.state, self.until = state, until


def pursue(item: Certificate, kit: Kit) -> None:
    """`Refused` with the reason, and a record of it, unless the certificate is served then."""
    was = certificates.read(kit.home, item.lineage)
    # Should we be killed meanwhile, the timer goes on with it.
    certificates.write(kit.home, put_off(was, item, Refused("it was broken off"), time.time()))
    try:
        found = obtained(item, kit)
        switch(item, kit)
    except Refused as error:
        told = put_off(was, item, error, time.time())
        certificates.write(kit.home, told)
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(told["next_try"]))
        raise Refused(f"{error.why} (`{told['state']}`; next try {when})", error.hint) from error
    # Once the record says that it is there, nobody comes back to make it ours.
    record.own(kit.home, record.left([(item, site_of(item, kit))]))
    certificates.write(kit.home, done(item, found))


def done(item: Certificate, found: Dict[str, Any]) -> Record:
    kept = {"lineage": item.lineage, "conf_path": item.conf_path, "directory": item.directory}
    wanted = {"wanted": sorted(item.names), "tries": 0, "next_try": 0, "tried_at": time.time()}
    return {**kept, **wanted, **found, "state": ISSUED, "reason": "", "hint": ""}


def put_off(was: Record, item: Certificate, error: Refused, now: float) -> Record:
    """What is served stays; with the reason why it is not more, and the order to go on with."""
    tries = was.get("tries", 0) + 1
    later = now + min(LONGEST, FIRST * 2 ** min(tries - 1, 10))
    return {
        **was,
        "lineage": item.lineage,
        "conf_path": item.conf_path,
        "directory": item.directory,
        "wanted": sorted(item.names),
        "state": getattr(error, "state", HTTP_ONLY),
        "reason": error.why,
        "hint": error.hint,
        "tries": tries,
        "tried_at": now,
        "next_try": max(later, getattr(error, "until", 0)),
        "order": certificates.order(item),
    }


def obtained(item: Certificate, kit: Kit) -> Dict[str, Any]:
    """The certificate on the disk that has the item's names; a new one if there is none."""
    found = on_disk(item.lineage, kit)
    if not (found and fits(item, found, time.time())):
        ask(item, kit)
    refuse_unsound(item.lineage, kit)
    return on_disk(item.lineage, kit)


def ask(item: Certificate, kit: Kit) -> None:
    kit.progress(item.key, "asking the authority", 0, 0)
    meta = acme.meta(item.directory)
    kit.progress(item.key, "looking where its names lead", 0, 0)
    prove(item, domains.identities(item.directory, meta))
    refuse_beyond_limits(item, kit)
    if item.staging:
        kit.progress(item.key, "rehearsing", 0, 0)
        acme.rehearse(item, kit)
    issue(item, kit)


def refuse_unsound(lineage: str, kit: Kit) -> None:
    """`Refused` if what came is of no use: it is put aside, so that the next try asks anew."""
    folder = certificates.LIVE / lineage
    why = soundness.fault(folder, kit)
    if why:
        if not soundness.step_back(folder):
            certificates.delete(lineage, kit)
        raise Refused(f"the authority sent a certificate that is of no use: {why}")


def on_disk(lineage: str, kit: Kit) -> Dict[str, Any]:
    try:
        return tls.described(tls.leaf(certificates.chain(lineage)), kit)
    except OSError:
        return {}


def fits(item: Certificate, found: Dict[str, Any], now: float) -> bool:
    same = found["names"] == sorted(item.names) and acme.server(item.lineage) == item.directory
    return same and found["not_after"] - now > SOON


def prove(item: Certificate, issuers: List[str]) -> None:
    for found in domains.check(item.names, issuers):
        if found["why"]:
            raise NotYet(PENDING_DNS, found["why"], found["hint"])


def refuse_beyond_limits(item: Certificate, kit: Kit) -> None:
    now = time.time()
    limit = ledger.limit(entries(kit.home), item.names, item.directory, now)
    if limit:
        raise NotYet(
            HTTP_ONLY,
            f"the authority's limit is reached: {limit.why}",
            "more tries would only make it wait longer",
            limit.until,
        )


def issue(item: Certificate, kit: Kit) -> None:
    kit.progress(item.key, "issuing", 0, 0)
    try:
        acme.issue(item, kit)
    except Refused:
        note(kit.home, ledger.FAILED, item)
        raise
    note(kit.home, ledger.ISSUED, item)


def entries(home: Path) -> ledger.Entries:
    path = home / "ledger.json"
    found: ledger.Entries = json.loads(path.read_text()) if path.exists() else []
    return found


def note(home: Path, what: str, item: Certificate) -> None:
    told = ledger.noted(entries(home), what, item.names, item.directory, time.time())
    certificates.put(home / "ledger.json", told)


def switch(item: Certificate, kit: Kit) -> None:
    """Have nginx show the certificate, or leave all as it was."""
    kit.progress(item.key, "switching to TLS", 0, 0)
    steps = switching(item, site_of(item, kit))
    change = Transaction(steps, HOLDER, kit)
    change.note_who_is_well(steps)
    change.rehearse(steps)
    change.change(steps, lambda: refuse_unless_served(item.lineage, item.names))


def switching(item: Certificate, site: str) -> List[Step]:
    """The new file, of which nginx is told on both ways."""
    file = File(item.conf_path, item.conf)
    before = disk.look([file])[file.key]
    hosts = sites()
    neighbours = tuple(host for host in hosts if site and host != paths.local_host(site))
    found = (Fence("nginx"), file, Gate(probes=hosts, neighbours=neighbours))
    return [Step(PUT, each, before if each is file else None, site=site) for each in found]


def site_of(item: Certificate, kit: Kit) -> str:
    """Whose file it is that takes over."""
    owned = record.owned(kit.home).get(f"file:{item.conf_path}", {})
    return str(owned.get("site", ""))


def sites() -> Tuple[str, ...]:
    """Every site of this server, by the name it has on the server itself."""
    specs = sorted(Path(paths.SPECS, "sites").glob("*.toml"))
    return tuple(paths.local_host(path.stem) for path in specs)


def refuse_unless_served(lineage: str, names: Sequence[str]) -> None:
    """Shake hands for each of *names*, on each address of this server."""
    expected = tls.leaf(certificates.chain(lineage))
    end = time.monotonic() + BEFORE_SERVED
    for name in names:
        for address in ("127.0.0.1", *machine.addresses()):
            refuse_other(address, name, expected, end)


def refuse_other(address: str, name: str, expected: bytes, end: float) -> None:
    """A reload returns before the new configuration answers, so the old may be met until *end*."""
    while True:
        try:
            found = tls.fingerprint(tls.served(address, name))
        except OSError as error:
            found = str(error)
        if found == tls.fingerprint(expected):
            return
        if time.monotonic() > end:
            raise Refused(
                f"`{name}` was not served with its certificate on `{address}`: expected "
                f"`{tls.fingerprint(expected)}`, found `{found}`",
                "look who else answers on port 443, and what else names that domain in nginx",
            )
        time.sleep(0.2)
