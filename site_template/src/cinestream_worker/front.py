"""
What stands before the application: measures it, names its requests, and answers for the worker.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cinestream_worker.application import Application
from cinestream_worker.errors import sentence
from cinestream_worker.exchange import Answer, Exchange, plain
from cinestream_worker.logs import log, request_id
from cinestream_worker.meter import Meter
from cinestream_worker.visitor import introduce


class Front:
    """The application, measured, with `/healthz`, `/readyz` and `/metrics` before it."""

    def __init__(self, app: Application, threads: int) -> None:
        self._app = app
        self._threads = threads
        self._meter = Meter()
        self.queued: Callable[[], int] = lambda: 0
        self._own = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._numbers,
        }

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        own = self._own.get(environ["PATH_INFO"])
        if own is not None and environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            status, body = own()
            start_response(status, plain(body))
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
        return self._measured(environ, start_response)

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

    def _measured(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Answer:
        introduce(environ)
        environ["cinestream.request_id"] = identity(environ.get("HTTP_X_REQUEST_ID", ""))
        exchange = Exchange(environ, start_response)
        closing = contextlib.ExitStack()
        closing.callback(request_id.set, "")
        closing.callback(exchange.end, self._meter)
        self._meter.begin()
        request_id.set(environ["cinestream.request_id"])
        return Answer(self._pieces(environ, exchange, closing), closing.close)

    def _pieces(
        self, environ: dict[str, Any], exchange: Exchange, closing: contextlib.ExitStack
    ) -> Iterator[bytes]:
        try:
            answer = self._app.wsgi(environ, exchange.start)
            if hasattr(answer, "close"):
                closing.callback(answer.close)
            for piece in filter(None, answer):
                exchange.send_head()
                yield exchange.counted(piece)
            exchange.send_head()
        # SystemExit too: an application must not be able to stop the server with it.
        except (Exception, SystemExit):
            log.exception("the application failed")
            yield from exchange.failure()


def identity(given: str) -> str:
    """The `$request_id` of nginx when there is one, so that its log and ours can be joined."""
    return given if re.fullmatch(r"[\w-]{1,64}", given, re.ASCII) else os.urandom(16).hex()
