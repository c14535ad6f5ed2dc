"""
A site whose worker does what an attacker tells it, as if its code had been taken over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.owner.owner import Host


@dataclass(frozen=True)
class Outcome:
    """What a program inside the worker ended with, and wrote to stdout and stderr."""

    code: int
    out: str


@dataclass(frozen=True)
class Tenant:
    """The site *name*, served by `sites/shell`."""

    host: Host
    name: str

    def runs(self, *argv: str) -> Outcome:
        """*argv*, as the site's user, in the sandbox of one of its workers."""
        return Outcome(**self._asked(argv=argv))

    def sh(self, script: str) -> Outcome:
        return self.runs("sh", "-c", script)

    def python(self, program: str) -> Outcome:
        return self.runs("/usr/bin/python3", "-c", program)

    def starts(self, *argv: str) -> int:
        """*argv* in a session of its own, left running; its pid."""
        return int(self._asked(argv=argv, detached=True)["out"])

    def inside(self, program: str) -> None:
        """*program*, in Python, by a worker itself: by one and the same each time."""
        self._asked(inside=program)

    def _asked(self, **order: Any) -> dict[str, Any]:
        status, body = self.host.get(
            f"{self.name}.localhost",
            "/run",
            *("--header", "Content-Type: application/json", "--data", json.dumps(order)),
        )
        assert status == 200, body
        return json.loads(body)
