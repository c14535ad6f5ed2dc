"""
One worker process, from its first request to its last.
"""

from __future__ import annotations

import functools
import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping

from cinestream_worker.application import Application
from cinestream_worker.door import Door
from cinestream_worker.errors import StartError
from cinestream_worker.front import Front
from cinestream_worker.limits import Limits
from cinestream_worker.logs import log
from cinestream_worker.server import Server
from cinestream_worker.succession import ABLE, COMING, Predecessor, leave_nobody, successor
from cinestream_worker.systemd import Watchdog, notify, watchdog_seconds


def serve(
    app: Application,
    at: Door,
    limits: Limits,
    environ: Mapping[str, str],
    predecessor: Predecessor,
    born: Mapping[str, str],
) -> None:
    """
    Answer requests until SIGTERM, SIGINT or a successor comes, and then all that were accepted.

    SIGHUP asks for a successor, started in the environment that we were *born* in.
    """
    front = Front(app, limits.threads)
    server = Server(at, front.answer, limits)
    front.queued = lambda: server.queued
    server.prepare()
    give_up = functools.partial(give_up_after, limits.drain_seconds, front)
    stop_on_signals(server, give_up, environ)
    if environ.get("NOTIFY_SOCKET"):
        succeed_on_hangup(server, at, give_up, environ, born)
    watch(server, environ)
    # What was imported stays: the collector need not walk it again.
    gc.collect()
    gc.freeze()
    gc.enable()
    notify(environ, f"READY=1\nSTATUS={ABLE}")
    predecessor.relieve()
    log.info("serving on %s:%s", *at.address)
    try:
        server.serve()
    except Exception:
        log.exception("the server failed")
        logging.shutdown()
        # The threads of the pool would keep a process alive that accepts nothing.
        os._exit(1)
    predecessor.see_off(limits.drain_seconds)
    log.info("stopped")
    if server.relieved:
        leave_nobody()


def stop_on_signals(
    server: Server, give_up: Callable[[], None], environ: Mapping[str, str]
) -> None:
    def stop(_number: int, _frame: object) -> None:
        notify(environ, "STOPPING=1")
        server.stop()
        give_up()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def succeed_on_hangup(
    server: Server,
    at: Door,
    give_up: Callable[[], None],
    environ: Mapping[str, str],
    born: Mapping[str, str],
) -> None:
    """Make room for a successor on SIGHUP; if it does not come, go on as ever."""
    busy = threading.Lock()

    def make_room() -> None:
        try:
            process = successor(born, at.socket.fileno())
        except StartError as error:
            log.error("%s", error)  # noqa: TRY400 -- the trace says no more
            notify(environ, f"STATUS={error}")
            busy.release()
            return
        if server.ready:
            # The last sign of life of ours for which systemd need not wait for one of its own.
            notify(environ, f"MAINPID={process}\nSTATUS={ABLE}\nWATCHDOG=1")
            server.stop(relieved=True)
            give_up()
        else:  # we were told to stop meanwhile, and so is it
            os.kill(process, signal.SIGTERM)

    def hang_up(_number: int, _frame: object) -> None:
        if server.ready and busy.acquire(blocking=False):
            notify(environ, f"STATUS={COMING}")
            threading.Thread(target=make_room, name="successor", daemon=True).start()

    signal.signal(signal.SIGHUP, hang_up)


def watch(server: Server, environ: Mapping[str, str]) -> None:
    seconds = watchdog_seconds(environ)
    if seconds:
        server.look_every(min(1, seconds / 8), Watchdog(server, seconds, environ).look)


def give_up_after(seconds: int, front: Front) -> None:
    """Leave at once after *seconds*, whatever is still unanswered or hangs."""

    def leave() -> None:
        log.error("some requests were still unanswered after %s s", seconds)
        front.give_up()
        logging.shutdown()
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
