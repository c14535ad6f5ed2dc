"""
Certificates: what is known of each lineage, and who goes after those that are not there yet.

Looking starts no process.  The record of a pending certificate holds all that is needed to finish
the work without a controller.
"""

from __future__ import annotations

import json
import time
from binascii import a2b_base64, b2a_base64
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import items, paths
from cinestream_ops.state.items import Certificate, Fact, Item, digest
from cinestream_ops.state.steps import REMOVE, Step

PENDING_DNS, HTTP_ONLY, ISSUED, EXPIRING = "pending-dns", "http-only", "issued", "expiring"
SOON = 21 * 24 * 3600  # seconds left; certbot renews at 30 days, so by then something is wrong
LIVE = Path("/etc/letsencrypt/live")
Record = Dict[str, Any]


def look(found: Sequence[Item], home: str = paths.HOME) -> Dict[str, Fact]:
    there = records(home)
    return {item.key: fact(there.get(item.name)) for item in found}


def fact(record: Any) -> Fact:
    """Nothing that only time changes may stand in it."""
    if not record:
        return None
    found = {"names": record["names"]}
    return found if record["state"] in {ISSUED, EXPIRING} else {**found, "state": record["state"]}


def records(home: str = paths.HOME) -> Dict[str, Record]:
    """By lineage: `state`, `reason`, `names` that are served, `wanted` ones, times, fingerprint."""
    now = time.time()
    return {
        record["lineage"]: {name: value for name, value in record.items() if name != "order"}
        for record in (as_of(each, now) for each in kept(Path(home)))
    }


def as_of(record: Record, now: float) -> Record:
    if record["names"] and not chain(record["lineage"]).exists():
        return {**record, "state": HTTP_ONLY, "reason": "its files are gone", "names": []}
    if record["state"] == ISSUED and record["not_after"] - now < SOON:
        return {**record, "state": EXPIRING, "reason": "certbot has not renewed it in time"}
    return record


def chain(lineage: str) -> Path:
    return LIVE / lineage / "fullchain.pem"


def kept(home: Path) -> Iterator[Record]:
    """Every record; one whose domain was removed meanwhile is forgotten."""
    for path in sorted((home / "certificates").glob("*.json")):
        record = json.loads(path.read_text())
        if Path(record["conf_path"]).exists():
            yield record


def read(home: Path, lineage: str) -> Record:
    """The record as it was written; of a new lineage, an empty one."""
    try:
        found: Record = json.loads((home / "certificates" / f"{lineage}.json").read_text())
    except FileNotFoundError:
        return {"lineage": lineage, "state": HTTP_ONLY, "names": [], "tries": 0, "next_try": 0}
    return found


def write(home: Path, record: Record) -> None:
    put(home / "certificates" / f"{record['lineage']}.json", record)


def put(path: Path, told: Any) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.touch(0o600)
    draft.write_text(json.dumps(told))
    draft.rename(path)


def order(item: Certificate) -> Record:
    """The item as it can be kept in a record."""
    return {"words": items.words(item), "conf": b2a_base64(item.conf, newline=False).decode()}


def ordered(told: Record) -> Certificate:
    conf = a2b_base64(told["conf"])
    found = items.item(told["words"], {digest(conf): conf})
    assert isinstance(found, Certificate)
    return found


def do(step: Step, kit: Kit) -> None:
    from cinestream_ops.agent import pursuit

    item = step.item
    assert isinstance(item, Certificate)
    if step.verb == REMOVE:
        delete(item.lineage, kit)
    else:
        pursuit.pursue(item, kit)


def delete(lineage: str, kit: Kit) -> None:
    """Forget a lineage that no site shows any more."""
    from cinestream_ops.agent import lineages  # a look needs none

    users = shown_by(lineage)
    if users:
        raise Refused(f"the certificate `{lineage}` is still used by `{users[0]}`")
    # One that its owner renews in another way is theirs by now.
    if lineages.path_of(lineage).exists() and not lineages.renewed_by(lineage):
        kit.run(["certbot", "delete", "--non-interactive", "--cert-name", lineage], 120)
    (kit.home / "certificates" / f"{lineage}.json").unlink(missing_ok=True)


def shown_by(lineage: str) -> List[Path]:
    """The files of nginx that name *lineage*."""
    folders = (Path(paths.NGINX, name) for name in ("cinestream", "sites-enabled", "conf.d"))
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in found if f"/live/{lineage}/".encode() in path.read_bytes()]
