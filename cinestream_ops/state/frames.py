"""
Length-prefixed frames: the only thing that ever crosses the wire.

Messages are packed: a server of many sites tells of each in nearly the same words.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, BinaryIO, Dict


def send(stream: BinaryIO, payload: bytes) -> None:
    stream.write(b"%d\n%b" % (len(payload), payload))
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """The next frame; `EOFError` if the other side went away."""
    header = stream.readline()
    if not header.endswith(b"\n"):
        raise EOFError("the other side hung up")
    payload = stream.read(int(header))
    if len(payload) < int(header):
        raise EOFError("the other side hung up mid-frame")
    return payload


def send_message(stream: BinaryIO, **message: Any) -> None:
    send(stream, zlib.compress(json.dumps(message).encode(), 1))


def receive_message(stream: BinaryIO) -> Dict[str, Any]:
    return dict(json.loads(zlib.decompress(receive(stream))))
