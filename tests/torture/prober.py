"""
A visitor who never tires, and remembers every answer that was not a good one.
"""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPException
from socket import create_connection
from threading import Event, Thread
from types import TracebackType
from typing import Self

from cinestream_ops.lab import Lab

PAUSE = 0.05  # seconds between an answer and the next request
PATIENCE = 20  # seconds for one answer


class Prober(Thread):
    """Asks *lab* for the first page of *domain*, by TLS, until it is stopped."""

    def __init__(self, lab: Lab, domain: str) -> None:
        super().__init__(daemon=True, name="prober")
        self.address, self.domain = lab.address, domain
        self.tls = ssl.create_default_context(cafile=lab.acme_root)
        self.asked = 0
        self.failures: list[str] = []
        self._stopped = Event()

    def run(self) -> None:
        while not self._stopped.wait(PAUSE):
            self.asked += 1
            if (came := self.answer()) != "200":
                self.failures.append(came)

    def answer(self) -> str:
        """The status, or why there was none."""
        connection = HTTPConnection(self.domain)
        try:
            plain = create_connection((self.address, 443), PATIENCE)
            connection.sock = self.tls.wrap_socket(plain, server_hostname=self.domain)
            connection.request("GET", "/")
            return str(connection.getresponse().status)
        except (OSError, HTTPException) as error:
            return repr(error)
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self.join()
