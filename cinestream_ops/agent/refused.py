"""
Why the agent would not do something.

Said in one sentence that an owner can read; nothing here may hold a secret.
"""

from __future__ import annotations

from typing import Sequence


class Refused(Exception):
    """One sentence, and a way forward."""

    kind = "refused"
    restored = True  # the server is as it was

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.why, self.hint = why, hint


class Failed(Refused):
    """A command that ended with a *code* other than 0, and the last lines that it *said*."""

    def __init__(self, argv: Sequence[str], code: int, said: str) -> None:
        super().__init__(f"`{' '.join(argv)}` failed ({code})" + (f":\n{said}" if said else ""))
        self.code, self.said = code, said


class Drifted(Refused):
    """The server is not as the plan found it."""

    kind = "drifted"


class Locked(Refused):
    """Somebody else is changing the server."""

    kind = "locked"
