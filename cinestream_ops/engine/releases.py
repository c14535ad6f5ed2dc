"""
What an earlier release, on the server, says of itself.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.desired import places
from cinestream_ops.spec.past import Past
from cinestream_ops.spec.site import Site
from cinestream_ops.spec.site_file import fields
from cinestream_ops.state.items import File, words


def told_by_release(conversation: Conversation, site: Site, past: Past) -> dict[str, Any]:
    """The fields of a `Site` that the `site.toml` of the release *past* sets."""
    path = f"{places.home(site)}/releases/{past.release[: places.SHORT]}/site.toml"
    # Only what was looked at may be read.
    conversation.ask({"do": "look", "ask": [words(File(path, b""))], "brief": True})
    text = conversation.ask({"do": "read", "paths": [path]})["files"].get(path)
    told = fields(b64decode(text)) if text else {}
    return {name: value for name, value in told.items() if name != "memory"}
