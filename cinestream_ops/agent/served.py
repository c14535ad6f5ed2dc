"""
Which certificates are really served, since that is what counts.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List

from cinestream_ops.agent import probes, tls
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused

PATIENCE = 10  # seconds

Finding = Dict[str, Any]


def shown(findings: Iterable[Finding], kit: Kit) -> List[Finding]:
    """*findings* about domains, each with the certificate that this server has for its name."""
    return [{**each, "served": certificate(each["name"], kit)} for each in findings]


def certificate(name: str, kit: Kit) -> Dict[str, Any]:
    """What is served for *name*; empty if nothing is."""
    try:
        return tls.described(tls.served(probes.HERE, name, patience=PATIENCE), kit)
    except (OSError, Refused):
        return {}
