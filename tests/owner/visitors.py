"""
People who keep asking for a page while something else goes on.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Self

from tests.owner.owner import Host


class Visitors:
    """People who keep asking for a page while something else goes on."""

    SCRIPT = (
        "while [ ! -e /run/enough ]; do curl -s -o /dev/null -o /dev/null -m 20 -w '%%{http_code}\\n' "
        "-H 'Host: %s' http://127.0.0.1/healthz http://127.0.0.1/; done"
    )

    def __init__(self, host: Host, name: str) -> None:
        self.host, self.name = host, name
        self.statuses: Counter[str] = Counter()
        self.threads = [threading.Thread(target=self.ask) for _ in range(3)]

    def ask(self) -> None:
        told = self.host.tries("sh", "-c", self.SCRIPT % self.name)
        self.statuses.update(told.stdout.split())

    def __enter__(self) -> Self:
        self.host.runs("rm", "-f", "/run/enough")
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.host.runs("touch", "/run/enough")
        for thread in self.threads:
            thread.join()
