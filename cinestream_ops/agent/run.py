"""
A program of a site, run as its user in the sandbox of its workers, for as long as we are heard.

It takes no lock, for it may take its time; nothing of what it is given or says is kept.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from base64 import b64encode
from pathlib import Path
from typing import Any, Dict, List

from cinestream_ops.agent import kit, transient
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.wire import Wire
from cinestream_ops.state import environment

PIECE = 1 << 16
MISSING, TOO_LATE = "there is no program `%s` in the source of `%s`", "`%s` did not end within %g s"


def stream(order: Dict[str, Any], wire: Wire) -> int:
    """The exit code of the program that *order* names, after all that it says was told."""
    name = f"cinestream-run-{order['site']}-{os.getpid()}.service"
    child = kit.started(argv(order, name))
    try:
        tell(child, order, wire)
        return transient.code(name, child, order["timeout"], wire.stops)
    finally:
        kit.end(child)
        # Also when a signal came: it would go on without us.
        transient.end(name)


def argv(order: Dict[str, Any], name: str) -> List[str]:
    # As they are now: a release that comes while it runs must not be mixed into it.
    source, venv = (os.path.realpath(f"{order['home']}/{each}") for each in ("src", "venv"))
    program = f"{source}/{order['program']}"
    if not Path(program).is_file():
        raise Refused(MISSING % (order["program"], order["site"]), "it is a path in the source")
    settled = environment.settled(f"{order['home']}/data", source)
    command = [*settled, f"{venv}/bin/python", "-B", program, *order["arguments"]]
    return transient.piped(name, command, order["properties"], order["timeout"])


def tell(child: "subprocess.Popen[bytes]", order: Dict[str, Any], wire: Wire) -> None:
    end = time.monotonic() + order["timeout"]
    assert child.stdout
    assert child.stderr
    streams = {child.stdout: "out", child.stderr: "err"}
    while streams:
        with wire.stops.allowed():
            left = max(end - time.monotonic(), 0)
            ready, _, _ = select.select([*streams, wire.inbox], [], [], left)
        if not ready:
            hint = "`--timeout SECONDS` gives it more; it was stopped"
            raise Refused(TOO_LATE % (order["program"], order["timeout"]), hint)
        if wire.inbox in ready:
            wire.hear()
            raise Refused("the controller changed its mind")
        for one in ready:
            piece = one.read1(PIECE)  # type: ignore[attr-defined]
            if piece:
                wire.tell("output", to=streams[one], data=b64encode(piece).decode())
            else:
                del streams[one]
