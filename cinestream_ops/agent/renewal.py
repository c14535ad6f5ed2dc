"""
What is done when certbot has renewed a certificate: nginx is told, and what it serves is compared.

Asked by certbot's deploy hook; nothing in nginx's files changes.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from cinestream_ops.agent import acme, certificates, ledger, lock, pursuit
from cinestream_ops.agent.certificates import ISSUED
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
        with lock.held(home, holder, PATIENCE, pursuit.say):
            take_over(lineage, Kit(home))
    except Refused as error:
        pursuit.say(f"{lineage}: {error.why}")
        return 1
    return 0


def take_over(lineage: str, kit: Kit) -> None:
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
    certificates.write(kit.home, {**told, **found})
