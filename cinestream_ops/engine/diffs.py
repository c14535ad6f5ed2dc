"""
What a plan changes in files, line by line.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from difflib import unified_diff

from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.plan import Plan
from cinestream_ops.state.items import File
from cinestream_ops.state.steps import CHANGE, PUT, Step

LONGEST = 200_000  # bytes; beyond it a diff tells nobody anything


def diffs(conversation: Conversation, plan: Plan) -> Mapping[str, str]:
    """A unified diff for each text file that *plan* writes or removes, by path."""
    changed = [step for step in plan.steps if isinstance(step.item, File) and step.phase == CHANGE]
    known = [step.item.name for step in changed if step.before]
    answer = conversation.ask({"do": "read", "paths": known})["files"] if known else {}
    old = {path: base64.b64decode(text or "") for path, text in answer.items()}
    return {step.item.name: diff(step, old.get(step.item.name, b"")) for step in changed}


def diff(step: Step, old: bytes) -> str:
    assert isinstance(step.item, File)
    new = step.item.content if step.verb == PUT else b""
    path = step.item.path
    try:
        if max(len(old), len(new)) > LONGEST:
            return f"{path}: {len(old)} bytes become {len(new)}\n"
        before, after = (text.decode().splitlines(keepends=True) for text in (old, new))
    except UnicodeDecodeError:
        return f"{path}: {len(old)} bytes become {len(new)}\n"
    return "".join(
        unified_diff(
            before,
            after,
            path if step.before else "/dev/null",
            path if step.verb == PUT else "/dev/null",
        )
    )
