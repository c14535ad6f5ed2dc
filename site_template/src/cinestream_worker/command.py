"""
The worker's command line.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from cinestream_worker.application import application
from cinestream_worker.door import door
from cinestream_worker.dotenv import load_env
from cinestream_worker.errors import StartError
from cinestream_worker.limits import Limits, number
from cinestream_worker.logs import start_logging
from cinestream_worker.process import serve
from cinestream_worker.succession import Predecessor


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="worker", description="Serve one WSGI application on one port of 127.0.0.1."
    )
    parser.add_argument(
        "--port", type=int, help="the port to bind, or that systemd's socket must have"
    )
    parser.add_argument(
        "--wsgi",
        required=True,
        metavar="MODULE:APP",
        help="such as `blog.wsgi:app`, or `blog:create_app()`",
    )
    parser.add_argument("--source", type=Path, metavar="DIR", help="where the modules are")
    parser.add_argument(
        "--env-file", type=Path, metavar="PATH", help="instead of `.env` here, which may be missing"
    )
    parser.add_argument(
        "--check", action="store_true", help="import the application, and serve nothing"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve, or with `--check` only import; 0 when all went well, 1 when it could not start."""
    given = arguments(sys.argv[1:] if argv is None else argv)
    code = ended(given)
    if given.check:
        leave(code)
    return code


def ended(given: argparse.Namespace) -> int:
    try:
        return run(given, os.environ)
    except StartError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1


def leave(code: int) -> NoReturn:
    """End at once: a thread that the application has started, or what it does at exit, may last."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # the application may have closed it
            stream.flush()
    os._exit(code)


def run(given: argparse.Namespace, environ: MutableMapping[str, str]) -> int:
    born = dict(environ)
    predecessor = Predecessor.of(environ)
    load_env(given.env_file or Path(".env"), environ, required=given.env_file is not None)
    if given.source is not None:
        sys.path.insert(0, str(given.source.resolve()))
    start_logging(environ)
    limits = Limits.read(environ)
    app = application(given.wsgi)
    if not given.check:
        at = door(chosen_port(given.port, environ), environ)
        serve(app, at, limits, environ, predecessor, born)
    return 0


def chosen_port(given: int | None, environ: Mapping[str, str]) -> int | None:
    """The port of the command line, or of PORT, or none."""
    text = environ.get("PORT", "") if given is None else str(given)
    return number({"PORT": text}, "PORT", 0, 65535) if text else None
