"""
One worker process, from its first request to its last.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import Mapping

from cinestream_worker.application import Application
from cinestream_worker.door import Door
from cinestream_worker.front import Front
from cinestream_worker.limits import Limits
from cinestream_worker.logs import log
from cinestream_worker.server import Server
from cinestream_worker.systemd import keep_fed, notify, watchdog_seconds


def serve(app: Application, at: Door, limits: Limits, environ: Mapping[str, str]) -> None:
    """Answer requests until SIGTERM or SIGINT, and then all that were accepted before."""
    front = Front(app, limits.threads)
    server = Server(at, front, limits)
    front.queued = lambda: server.queued
    server.prepare()
    stop_on_signals(server, limits, environ)
    watch(server, environ)
    # What was imported stays: the collector need not walk it again.
    gc.collect()
    gc.freeze()
    gc.enable()
    notify(environ, f"READY=1\nSTATUS=Serving on {at.address[0]}:{at.address[1]}")
    log.info("serving on %s:%s", *at.address)
    try:
        server.serve()
    except Exception:
        log.exception("the server failed")
        logging.shutdown()
        # The threads of the pool would keep a process alive that accepts nothing.
        os._exit(1)
    log.info("stopped")


def stop_on_signals(server: Server, limits: Limits, environ: Mapping[str, str]) -> None:
    def stop(_number: int, _frame: object) -> None:
        notify(environ, "STOPPING=1")
        server.stop()
        give_up_after(limits.drain_seconds)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def watch(server: Server, environ: Mapping[str, str]) -> None:
    seconds = watchdog_seconds(environ)
    if seconds:
        feed = lambda: notify(environ, "WATCHDOG=1")  # noqa: E731 -- one word for one line
        threading.Thread(
            target=keep_fed, args=(server, seconds, feed), name="watchdog", daemon=True
        ).start()


def give_up_after(seconds: int) -> None:
    """Leave at once after *seconds*, whatever is still unanswered or hangs."""

    def leave() -> None:
        log.error("some requests were still unanswered after %s s", seconds)
        logging.shutdown()
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
