"""
Other people's programs on ports of ours.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping

from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.errors import StrangeAnswer
from cinestream_ops.spec.site import Site
from cinestream_ops.state.facts import Facts

UNKNOWN = "another program"


def reserved(site: Site, facts: Facts) -> list[int]:
    """The ports of the block of *site* that somebody listens on, and none of its workers."""
    there, block, ports = facts.listeners, site.block, site.ports  # which are in order
    inside = there[bisect_left(there, block.start) : bisect_left(there, block.stop)]
    return [port for port in inside if port not in ports]


def named(conversation: Conversation, ports: Iterable[int]) -> dict[int, str]:
    """Who listens on each of *ports*, as in `` `python3` (pid 812)``."""
    asked = sorted(ports)
    if not asked:
        return {}
    # As of workers that nobody knows: what a worker's port is taken by is a part of its status.
    units = [f"squatter@{port}.service" for port in asked]
    sites = conversation.ask({"do": "status", "sites": {"": units}})["sites"]
    told = [each["squatter"] for site in sites for each in site["workers"]]
    if len(told) != len(asked):
        raise StrangeAnswer("`status` of other workers")
    return dict(zip(asked, told, strict=True))


def sentence(ports: Collection[int], holders: Mapping[int, str]) -> str:
    """Which of *ports* is whose, one after the other."""
    return ", ".join(f"port {each} is in use by {holders.get(each) or UNKNOWN}" for each in ports)
