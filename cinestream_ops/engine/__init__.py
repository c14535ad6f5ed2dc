"""
The only place where the floors meet: look, plan, apply.
"""

from cinestream_ops.channel.conversation import Conversation, converse
from cinestream_ops.engine.applying import Outcome, apply
from cinestream_ops.engine.carried import Carried, Origin
from cinestream_ops.engine.diffs import diffs
from cinestream_ops.engine.looking import Found, look
from cinestream_ops.engine.planning import plan, prepare
from cinestream_ops.engine.reach import HINT as FIREWALL
from cinestream_ops.engine.releases import told_by_release
from cinestream_ops.engine.running import run
from cinestream_ops.engine.source import Source, read_source
from cinestream_ops.engine.watching import (
    check_domain,
    doctor,
    examine,
    history,
    inbound,
    logs,
    status,
    troubles,
)

__all__ = [
    "FIREWALL",
    "Carried",
    "Conversation",
    "Found",
    "Origin",
    "Outcome",
    "Source",
    "apply",
    "check_domain",
    "converse",
    "diffs",
    "doctor",
    "examine",
    "history",
    "inbound",
    "logs",
    "look",
    "plan",
    "prepare",
    "read_source",
    "run",
    "status",
    "told_by_release",
    "troubles",
]
