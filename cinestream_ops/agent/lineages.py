"""
Lineages of certbot: what its files say of how each is renewed, and whether that is our way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Set

from cinestream_ops.state import paths

RENEWAL = Path("/etc/letsencrypt/renewal")
WEBROOTS = "[[webroot_map]]"
WEBROOT = "webroot"


def path_of(lineage: str) -> Path:
    return RENEWAL / f"{lineage}.conf"


def renewed_by(lineage: str) -> str:
    """
    How somebody else has *lineage* renewed, as `standalone`; empty if it is ours, or not there.

    One of ours answers from our webroot, and from no other place.
    """
    try:
        said = settings(path_of(lineage).read_text("utf-8", "replace"))
    except FileNotFoundError:
        return ""
    way = said.get("authenticator", "") or "nothing"
    others = sorted(roots(said) - {paths.WEBROOT})
    if way != WEBROOT:
        return way
    return f"{way} {others[0]}" if others else ""


def roots(said: Dict[str, str]) -> Set[str]:
    """Where challenges are answered from."""
    found = {said.get("webroot_path", "").strip(" ,"), *said.get(WEBROOTS, "").split()}
    return found - {""}


def settings(text: str) -> Dict[str, str]:
    """The lines of certbot's file; those of `[[webroot_map]]` are its values, one after another."""
    found: Dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        key, _, value = (each.strip() for each in line.partition("="))
        if line.strip().startswith("["):
            section = key
        elif section == WEBROOTS:
            found[section] = f"{found.get(section, '')} {value}".strip()
        elif key and not key.startswith("#"):
            found[key] = value
    return found
