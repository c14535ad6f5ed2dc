"""
Whether a certificate goes with its key and its chain, and what is done about one that does not.

With a key that is not its own nginx would start for no site any more.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path

from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused

PARTS = ("cert", "chain", "fullchain", "privkey")


def fault(folder: Path, kit: Kit) -> str:
    """What is wrong with the certificate in *folder*; empty if nothing is."""
    cert, chain, key = (str(folder / f"{name}.pem") for name in ("cert", "chain", "privkey"))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except ssl.SSLError:
        return "it is for another key"
    try:
        # Not its times: this server's clock may be off, and those of visitors are not.
        verify = ["openssl", "verify", "-partial_chain", "-no_check_time", "-trusted", chain, cert]
        kit.run(verify, 30)
    except Refused:
        return "the chain that came with it is another's"
    return ""


def step_back(folder: Path) -> bool:
    """
    Have certbot's links in *folder* lead to what was there before; False if nothing was.

    The latest is removed: else certbot would link to it again at its next run, and take its names
    for those that are wanted.
    """
    links = [folder / f"{name}.pem" for name in PARTS]
    # Should we have been killed at this, some of them lead back already.
    latest = max(int(re.findall(r"\d+", link.resolve().name)[-1]) for link in links)
    archive = links[0].readlink().parent
    before = {link: archive / f"{link.stem}{latest - 1}.pem" for link in links}
    if not all((folder / path).exists() for path in before.values()):
        return False
    for link, path in before.items():
        draft = link.with_suffix(".new")
        draft.unlink(missing_ok=True)
        draft.symlink_to(path)
        draft.rename(link)
    for link in links:
        (folder / archive / f"{link.stem}{latest}.pem").unlink(missing_ok=True)
    return True
