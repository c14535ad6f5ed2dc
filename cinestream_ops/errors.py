"""
Everything an owner can act on.

OpsError                what is wrong, and what to do next; leaves by exit code 1
├─ BadSpec              the owner's own text: every fault at once, each with its address
├─ Refused              the server would not take the change, and is as it was
│  ├─ Drifted           it changed between the plan and the change
│  └─ Locked            somebody else is changing it
├─ Unreachable          no conversation with the server could be had
│  ├─ UnknownHostKey    it shows a key that nobody has vouched for
│  ├─ ChangedHostKey    it shows another key than the one on record
│  └─ StrangeAnswer     what it says is nothing that an agent of ours says
└─ NotFound             a site, domain or server that is not there
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class OpsError(Exception):
    """Something the owner can act on: one sentence, and a way forward."""

    hint = ""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint or type(self).hint


@dataclass(frozen=True)
class Fault:
    """One thing wrong with what the owner wrote, at an address like `sites/blog/workers`."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class BadSpec(OpsError):
    """The owner's text has *faults*: all of them, so that it is fixed once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)


class Refused(OpsError):
    """The server would not take the change, and is as it was."""


class Drifted(Refused):
    hint = "somebody changed the server meanwhile; look at the new plan and decide again"


class Locked(Refused):
    hint = "wait for it with `--wait SECONDS`, or try again later"


class Unreachable(OpsError):
    """No conversation with the server could be had."""


class UnknownHostKey(Unreachable):
    """The server at *address* shows a key nobody has vouched for."""

    def __init__(self, address: str, key_type: str, fingerprint: str) -> None:
        super().__init__(
            f"`{address}` shows an unknown {key_type} host key {fingerprint}",
            "compare it with the server's own; then `cinestream server add` records it",
        )
        self.address, self.key_type, self.fingerprint = address, key_type, fingerprint


class ChangedHostKey(Unreachable):
    hint = (
        "if the server was rebuilt, remove the old line from the known_hosts file; if not, "
        "somebody may be listening"
    )


class StrangeAnswer(Unreachable):
    """*What* the server said is nothing that an agent of ours says."""

    hint = (
        "nothing more was asked of it; is it the server you mean, and do its administrators alone "
        "have root there?"
    )

    def __init__(self, what: str) -> None:
        super().__init__(f"the server answered with something that is no answer of ours: {what}")


class NotFound(OpsError):
    """A name that nothing answers to."""
