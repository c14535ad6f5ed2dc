"""
The noun: one throwaway server, and how to reach it and what stands around it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Lab:
    """
    A server as its owner would know it.

    *state* is `running`, `off` (its disk is kept) or `broken`.  *acme_root* vouches for what the
    ACME authority issues; its directory's own TLS the server trusts already.
    """

    name: str
    suite: str
    address: str
    port: int
    user: str
    identity_file: str
    known_hosts: str
    acme_directory: str
    acme_root: str
    mongodb_archive: str
    mongodb_sha256: str
    state: str
    dns_management: str

    def as_dict(self) -> dict[str, str | int]:
        """What `--json` shows; where to change the DNS is for our own tests."""
        shown = (field.name for field in fields(self) if field.name != "dns_management")
        return {name: getattr(self, name) for name in shown}
