"""
A program of a site, run on its server for as long as somebody listens.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence

from cinestream_ops.channel.conversation import REFUSALS, Conversation
from cinestream_ops.desired import places, program
from cinestream_ops.spec.names import Program
from cinestream_ops.spec.site import Site

Told = Callable[[str, bytes], None]  # `out` or `err`, and what was written there


def run(
    conversation: Conversation,
    site: Site,
    called: Program,
    arguments: Sequence[str],
    timeout: float,
    told: Told,
) -> int:
    """
    The exit code of *called*, by the rules of a shell; raises `Refused`.

    It takes no lock: a change may be made meanwhile.  The program stays on the release that it
    began with.
    """
    order = {
        "do": "run",
        "site": site.name,
        "home": places.home(site),
        "program": called,
        "arguments": list(arguments),
        "properties": program.properties(site),
        "timeout": timeout,
    }
    for event in conversation.events(order):
        if event["event"] == "output":
            told(event["to"], b64decode(event["data"]))
        if event["event"] == "refused":
            raise REFUSALS[event["kind"]](event["why"], event["hint"])
    return int(event["code"])
