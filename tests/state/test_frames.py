"""
Frames are exact; a torn stream is an `EOFError`, never half a message.
"""

import io
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinestream_ops.state import frames
from cinestream_ops.state.frames import receive, receive_message, send, send_message


@given(st.lists(st.binary()))
def test_frames_come_out_as_they_went_in(payloads):
    wire = io.BytesIO()
    for payload in payloads:
        send(wire, payload)
    wire.seek(0)

    assert payloads == [receive(wire) for _ in payloads]


@given(st.data())
def test_a_stream_torn_anywhere_is_an_end_of_file(data):
    wire = io.BytesIO()
    send_message(wire, do="look", ask=["x" * 50])
    cut = data.draw(st.integers(0, len(wire.getvalue()) - 1))

    with pytest.raises(EOFError):
        receive_message(io.BytesIO(wire.getvalue()[:cut]))


def framed(payload: bytes) -> io.BytesIO:
    wire = io.BytesIO()
    send(wire, payload)
    wire.seek(0)
    return wire


def bomb(size: int) -> bytes:
    """Packed zeros that unpack to *size* bytes; built in pieces, as its maker would."""
    packing = zlib.compressobj(9)
    return b"".join(packing.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packing.flush()


STRANGE = {
    "no packed text": b"hello",
    "torn": zlib.compress(b'{"event": "done"}')[:-3],
    "bytes": zlib.compress(b"\xff\xfe{}\x80"),
    "no JSON": zlib.compress(b"{'event': 1}"),
    "a list": zlib.compress(b"[]"),
    "NaN": zlib.compress(b'{"event": NaN}'),
    "a number without an end": zlib.compress(b'{"event": ' + b"1" * 5000 + b"}"),
    "nested without an end": zlib.compress(b'{"event": ' + b"[" * 100_000),
    "nested too deeply": zlib.compress(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "many lists": zlib.compress(b'{"event": [' + b"[]," * (1 << 21) + b"0]}"),
}


@pytest.mark.parametrize("payload", STRANGE.values(), ids=STRANGE)
def test_what_is_no_message_is_told_as_such(payload):
    with pytest.raises(frames.Strange):
        receive_message(framed(payload))


def test_no_more_is_unpacked_than_a_message_may_hold():
    """A frame of 250 KiB that would become 256 MiB."""
    payload = bomb(256 << 20)
    tracemalloc.start()
    with pytest.raises(frames.Strange):
        receive_message(framed(payload))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 3 * frames.LARGEST > peak


@pytest.mark.parametrize(
    "header",
    [b"\n", b"-1\n", b"x\n", b"1_0\n", b" 5\n", b"5\r\n", b"9" * 11, b"9" * 5000, b"99999999999\n"],
)
def test_a_frame_without_a_length_that_may_be_is_told_as_such(header):
    with pytest.raises(frames.Strange):
        receive(io.BytesIO(header + b"hello"))


def test_a_frame_may_not_announce_more_than_is_ever_sent():
    with pytest.raises(frames.Strange):
        receive(io.BytesIO(b"%d\n" % (frames.LARGEST + 1)))


@given(st.binary())
def test_any_bytes_are_a_message_or_told_as_none(wire):
    with suppress(frames.Strange, EOFError):
        receive_message(io.BytesIO(wire))


@given(st.binary() | st.text().map(str.encode))
def test_any_packed_bytes_are_a_message_or_told_as_none(text):
    with suppress(frames.Strange):
        receive_message(framed(zlib.compress(text)))
