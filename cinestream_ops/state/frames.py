"""
Length-prefixed frames: the only thing that ever crosses the wire.

Messages are packed: a server of many sites tells of each in nearly the same words.  Whoever is on
the other side may mean harm: nothing is taken in that is larger than what is told here.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, BinaryIO, Dict

# A server of 200 sites with 24 workers each tells of itself in 4 MiB.
LARGEST = 32 << 20  # bytes of a frame, and of a message once it is unpacked
MOST = 1 << 21  # values in a message: an empty list takes 3 bytes, and 56 in memory
DIGITS = 10  # of the length of a frame


class Strange(ValueError):
    """What came is no frame of ours, or no message; the sentence finishes "it …"."""


def send(stream: BinaryIO, payload: bytes) -> None:
    stream.write(b"%d\n%b" % (len(payload), payload))
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """The next frame; `EOFError` if the other side went away, `Strange` if this is none."""
    size = announced(stream)
    payload = stream.read(size)
    if len(payload) < size:
        raise EOFError("the other side hung up mid-frame")
    return payload


def announced(stream: BinaryIO) -> int:
    header = stream.readline(DIGITS + 1)
    if not header.endswith(b"\n") and len(header) <= DIGITS:
        raise EOFError("the other side hung up")
    digits = header.rstrip(b"\n")
    if not digits.isdigit() or header != digits + b"\n":
        raise Strange("begins without its length")
    if int(digits) > LARGEST:
        raise Strange(f"has {int(digits)} bytes")
    return int(digits)


def send_message(stream: BinaryIO, **message: Any) -> None:
    send(stream, zlib.compress(json.dumps(message).encode(), 1))


def receive_message(stream: BinaryIO) -> Dict[str, Any]:
    """The next message; `EOFError` and `Strange` as of `receive`."""
    text = unpacked(receive(stream))
    try:
        message = json.loads(text, parse_constant=no_number)
    except RecursionError:
        raise Strange("is nested too deeply") from None
    except ValueError:  # also of bytes that are no text, and of numbers without an end
        raise Strange("is not JSON") from None
    if not isinstance(message, dict):
        raise Strange("is not a table")
    return message


def unpacked(payload: bytes) -> bytes:
    """What was packed into *payload*, and never more of it than may be."""
    inflating = zlib.decompressobj()
    try:
        text = inflating.decompress(payload, LARGEST)
    except zlib.error:
        raise Strange("is not packed as ours are") from None
    if not inflating.eof:
        raise Strange("ends in its midst, or grows too large")
    if sum(map(text.count, (b",", b"[", b"{"))) > MOST:
        raise Strange("has too many values")
    return text


def no_number(word: str) -> float:
    """Python's JSON knows NaN and infinities, and JSON does not (RFC 8259, section 6)."""
    raise ValueError(word)
