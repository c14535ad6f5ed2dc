"""
A site's database, copied out of MongoDB and into it by a small program on our own tools.
"""

from __future__ import annotations

import json
from tempfile import TemporaryFile
from typing import Any, Callable, Dict, List, Sequence

from cinestream_ops.agent import backup_child, env
from cinestream_ops.agent.backup_program import PROGRAM
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import frames, paths


def nowhere(name: str, piece: bytes) -> None:
    raise AssertionError(f"{len(piece)} bytes of `{name}` that nobody asked for")


def told(kit: Kit, took: Callable[[str, bytes], None] = nowhere, **order: Any) -> Dict[str, Any]:
    """
    The program's answer to *order*, after *took* had every piece of every file.

    `Refused` with its reason if it could not.
    """
    order["admin"] = env.admin()
    with TemporaryFile() as stdin:
        stdin.write(json.dumps(order).encode())
        stdin.seek(0)
        argv = [f"{paths.TOOLS}/bin/python", "-I", "-c", PROGRAM]
        with backup_child.started(argv, stdin) as child:
            try:
                answer = heard(child, took, kit)
            except EOFError:
                child.end()  # its own words say more
                raise Refused("MongoDB: the copy broke off") from None
    if "refused" in answer:
        hint = answer.get("hint", "look at `journalctl -u mongodb`")
        raise Refused(f"MongoDB: {answer['refused']}", hint)
    return answer


def heard(
    child: backup_child.Child, took: Callable[[str, bytes], None], kit: Kit
) -> Dict[str, Any]:
    while True:
        message = hear(child, kit)
        if "piece" not in message:
            return message
        took(message["piece"], frames.receive(child.out))


def hear(child: backup_child.Child, kit: Kit) -> Dict[str, Any]:
    """The next message; a signal that comes meanwhile is no end of the program's."""
    with kit.stops.allowed():
        header = child.out.readline()
    if not header.endswith(b"\n"):
        raise EOFError("the program hung up")
    message: Dict[str, Any] = json.loads(child.out.read(int(header)))
    return message


def with_paths(collections: Sequence[Dict[str, str]], kit: Kit) -> List[Dict[str, str]]:
    """*collections*, with the files where their blobs were put; a view has no documents."""
    return [
        {part: str(kit.blob_path(blob)) if blob else "" for part, blob in each.items()}
        for each in collections
    ]
