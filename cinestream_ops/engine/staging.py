"""
What belongs to a site, put on the server before the site itself is added by the ordinary road.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from cinestream_ops.channel.conversation import Blob, Conversation, Event
from cinestream_ops.engine.backups import answered
from cinestream_ops.errors import OpsError
from cinestream_ops.spec.site import Site


def order(named: Mapping[str, Any], site: Site, doing: str, wait: float) -> dict[str, Any]:
    """The order *named*, of who puts there what *site* will find."""
    return {
        **named,
        "who": f"{getpass.getuser()}@{socket.gethostname()}",
        "doing": doing,
        "wait": wait,
        "deployed": bool(site.release),
    }


@contextmanager
def staged(
    conversation: Conversation, order: Mapping[str, Any], uploads: Mapping[str, Blob] = {}
) -> Iterator[Event]:
    """What the agent answers; what it put there is gone again if the block does not end well."""
    answer = answered(conversation, order, uploads)
    try:
        yield answer
    except BaseException:
        # The first failure is the one to tell.
        with suppress(OpsError):
            answered(conversation, {**order, "act": "clear", "new_user": answer["new_user"]})
        raise
    # The site is up: a word that is lost here costs it nothing.
    with suppress(OpsError):
        answered(conversation, {**order, "act": "settle"})
