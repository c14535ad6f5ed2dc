"""
Which certificates are really served, since that is what counts.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, Tuple

from cinestream_ops.agent import certificates, probes, tls

PATIENCE = 3  # seconds


def served(home: Path) -> Dict[str, Any]:
    """What is known of each lineage, and for each of its names whether visitors get it."""
    records = certificates.records(str(home))
    names = [(lineage, name) for lineage, each in records.items() for name in each["names"]]
    with ThreadPoolExecutor(8) as pool:
        prints = dict(zip(names, pool.map(fingerprint, names)))
    return {
        lineage: {
            **each,
            "served": {
                name: prints[lineage, name] == each.get("fingerprint") for name in each["names"]
            },
        }
        for lineage, each in records.items()
    }


def fingerprint(lineage_and_name: Tuple[str, str]) -> str:
    try:
        return tls.fingerprint(tls.served(probes.HERE, lineage_and_name[1], patience=PATIENCE))
    except (OSError, ValueError):
        return ""
