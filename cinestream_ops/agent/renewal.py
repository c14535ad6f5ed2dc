"""
What is done when certbot has renewed a certificate: nginx is told, and what it serves is compared.

Asked by certbot's deploy hook; nothing in nginx's files changes.  One that does not go with its key
or its chain is put back to the one before, since with it nginx would start for no site any more.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from cinestream_ops.agent import acme, certificates, ledger, lock, pursuit
from cinestream_ops.agent.certificates import ISSUED, LIVE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused

PATIENCE = 900  # seconds for a change that is being made
OPENSSL = 30  # seconds
PARTS = ("cert", "chain", "fullchain", "privkey")


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
    why = fault(live / lineage, kit)
    if not why:
        return
    step_back(live / lineage)
    reason = f"a new certificate was of no use, so the one before stays: {why}"
    told = certificates.read(kit.home, lineage)
    if told["names"]:
        certificates.write(kit.home, {**told, "reason": reason})
    raise Refused(reason, "certbot tries again within the day")


def fault(folder: Path, kit: Kit) -> str:
    """What is wrong with the certificate in *folder*; empty if nothing is."""
    cert, chain, key = (str(folder / f"{name}.pem") for name in ("cert", "chain", "privkey"))
    public = kit.run(["openssl", "x509", "-noout", "-pubkey", "-in", cert], OPENSSL)
    if public != kit.run(["openssl", "pkey", "-pubout", "-in", key], OPENSSL):
        return "it is for another key"
    # Not its times: this server's clock may be off, and those of visitors are not.
    verify = ["openssl", "verify", "-partial_chain", "-no_check_time", "-trusted", chain, cert]
    try:
        kit.run(verify, OPENSSL)
    except Refused:
        return "the chain that came with it is another's"
    return ""


def step_back(folder: Path) -> None:
    """
    Have certbot's links in *folder* lead to what was there before the last renewal.

    What they lead to now is removed: else certbot would link to it again at its next run, and take
    its names for those that are wanted.
    """
    links = {folder / f"{name}.pem": folder / earlier(folder / f"{name}.pem") for name in PARTS}
    if not all(before.exists() for before in links.values()):
        return
    for link, before in links.items():
        latest = folder / link.readlink()
        draft = link.with_name(f".{link.name}.cinestream")
        draft.unlink(missing_ok=True)
        draft.symlink_to(os.path.relpath(before, folder))
        draft.rename(link)
        latest.unlink()


def earlier(link: Path) -> str:
    """`../../archive/blog/cert1.pem` of a *link* to `cert2.pem`."""
    target = link.readlink()
    number = int(re.findall(r"\d+$", target.stem)[0])
    return str(target.with_name(f"{link.stem}{number - 1}.pem"))
