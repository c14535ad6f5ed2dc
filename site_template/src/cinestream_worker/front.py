"""
What stands before the application: measures it, names its requests, and answers for the worker.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Any

from cinestream_worker.application import Application
from cinestream_worker.errors import sentence
from cinestream_worker.exchange import Cut, Exchange, plain
from cinestream_worker.logs import log, request_id
from cinestream_worker.meter import Meter
from cinestream_worker.visitor import introduce


class Front:
    """The application, measured, with `/healthz`, `/readyz` and `/metrics` before it."""

    def __init__(self, app: Application, threads: int) -> None:
        self._app = app
        self._threads = threads
        self._meter = Meter()
        self._begun: set[Exchange] = set()
        self.queued: Callable[[], int] = lambda: 0
        self._own = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._numbers,
        }

    def answer(
        self,
        environ: dict[str, Any],
        start_response: Callable[..., Any],
        is_refused: Callable[[], bool],
    ) -> None:
        """
        Write an answer by WSGI's *start_response*.  Raises `Cut` if it does not arrive whole.

        *is_refused* says whether the client refuses what it was sent.
        """
        own = self._own.get(environ["PATH_INFO"])
        if own is not None and environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            status, body = own()
            write = start_response(status, plain(body))
            if environ["REQUEST_METHOD"] == "GET":
                write(body)
        else:
            introduce(environ)
            environ["cinestream.request_id"] = identity(environ.get("HTTP_X_REQUEST_ID", ""))
            self._measured(environ, Exchange(environ, start_response, is_refused))

    def give_up(self) -> None:
        """Say of every request that is still being answered that it is cut."""
        for exchange in list(self._begun):
            exchange.cut = "stop"
            exchange.end(self._meter)

    def _health(self) -> tuple[str, bytes]:
        return "200 OK", b"ok\n"

    def _readiness(self) -> tuple[str, bytes]:
        try:
            well, reason = self._app.ready()
        except Exception as error:  # noqa: BLE001 -- whatever is raised, it means not ready
            well, reason = False, sentence(error)
        if well:
            return "200 OK", b"ready\n"
        return "503 Service Unavailable", f"{reason}\n".encode()

    def _numbers(self) -> tuple[str, bytes]:
        text = self._meter.text(self._threads, self.queued())
        return "200 OK", (text + self._app.metrics()).encode()

    def _measured(self, environ: dict[str, Any], exchange: Exchange) -> None:
        request_id.set(environ["cinestream.request_id"])
        self._meter.begin()
        self._begun.add(exchange)
        try:
            self._ask(environ, exchange)
        finally:
            self._begun.discard(exchange)
            exchange.end(self._meter)
            request_id.set("")

    def _ask(self, environ: dict[str, Any], exchange: Exchange) -> None:
        try:
            self._pass_on(self._app.wsgi(environ, exchange.start), exchange)
        except Cut:
            raise
        # SystemExit too: an application must not be able to stop the server with it.
        except (Exception, SystemExit):
            log.exception("the application failed")
            exchange.fail()

    def _pass_on(self, answer: Iterable[bytes], exchange: Exchange) -> None:
        try:
            for piece in filter(None, answer):
                exchange.write(piece)
            exchange.complete()
        finally:
            closed(answer)


def closed(answer: Iterable[bytes]) -> None:
    """Close *answer*, which has gone out or never will, whatever that raises."""
    try:
        if hasattr(answer, "close"):
            answer.close()
    except (Exception, SystemExit):
        log.exception("the application failed to close its answer")


def identity(given: str) -> str:
    """The `$request_id` of nginx when there is one, so that its log and ours can be joined."""
    return given if re.fullmatch(r"[\w-]{1,64}", given, re.ASCII) else os.urandom(16).hex()
