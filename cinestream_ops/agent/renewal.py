"""
What is done when certbot has renewed a certificate: nginx is told, and what it serves is compared.

Asked by certbot's deploy hook; nothing in nginx's files changes.  One that does not go with its key
or its chain is put back to the one before, since with it nginx would start for no site any more.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from cinestream_ops.agent import acme, certificates, ledger, lock, pursuit, pursuits, soundness
from cinestream_ops.agent.certificates import ISSUED, LIVE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused

PATIENCE = 900  # seconds for a change that is being made


def renewed(home: Path) -> int:
    """The exit code for certbot: 1 if the new certificate is not what is served."""
    if os.environ.get(acme.OURS):
        return 0  # we asked for it ourselves, and look after it
    lineage = Path(os.environ.get("RENEWED_LINEAGE", "")).name
    holder = {"who": "certbot", "doing": f"renew {lineage}", "since": time.time()}
    try:
        with lock.held(home, holder, PATIENCE, pursuits.say):
            take_over(lineage, Kit(home))
    except Refused as error:
        pursuits.say(f"{lineage}: {error.why}")
        return 1
    return 0


def take_over(lineage: str, kit: Kit) -> None:
    refuse_unsound(lineage, kit)
    kit.run(["nginx", "-t"], 60)
    kit.run(["systemctl", "reload", "nginx"], 60)
    told = certificates.read(kit.home, lineage)
    if told["state"] != ISSUED:
        return
    found = pursuit.on_disk(lineage, kit)
    entry = (found["names"], told["directory"], time.time())
    certificates.put(
        kit.home / "ledger.json",
        ledger.noted(pursuit.entries(kit.home), ledger.ISSUED, *entry),
    )
    pursuit.refuse_unless_served(lineage, found["names"])
    certificates.write(kit.home, {**told, **found, "reason": ""})


def refuse_unsound(lineage: str, kit: Kit, live: Path = LIVE) -> None:
    """`Refused`, with the certificate before in its place, if the new one is of no use."""
    why = soundness.fault(live / lineage, kit)
    if not why:
        return
    soundness.step_back(live / lineage)
    reason = f"a new certificate was of no use, so the one before stays: {why}"
    told = certificates.read(kit.home, lineage)
    if told["names"]:
        certificates.write(kit.home, {**told, "reason": reason})
    raise Refused(reason, "certbot tries again within the day")
