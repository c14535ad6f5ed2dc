"""
Frames are exact; a torn stream is an `EOFError`, never half a message.
"""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
