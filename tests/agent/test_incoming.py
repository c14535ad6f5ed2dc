"""
What is uploaded with an order.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from cinestream_ops.agent import incoming
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.stops import Stops
from cinestream_ops.agent.wire import Wire
from cinestream_ops.state import frames

BIG = b"x" * (incoming.BIG + 1)
NAME = hashlib.sha256(BIG).hexdigest()


def sent(*contents: bytes) -> Wire:
    inbox = io.BytesIO()
    for content in contents:
        frames.send(inbox, content)
    inbox.seek(0)
    return Wire(inbox, io.BytesIO(), Stops())


def test_what_an_agent_of_our_number_left_before_a_boot_is_not_in_our_way(tmp_path: Path):
    left = tmp_path / "incoming" / str(os.getpid()) / NAME
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of it")

    found = incoming.received([[NAME, len(BIG)]], sent(BIG), tmp_path)

    assert left == found[NAME]
    assert BIG == left.read_bytes()


def test_all_are_read_before_one_that_is_damaged_is_refused(tmp_path: Path):
    wire = sent(b"a", b"b", b"next order")

    with pytest.raises(Refused, match="arrived damaged"):
        incoming.received([["0" * 64, 1], ["1" * 64, 1]], wire, tmp_path)

    assert b"next order" == frames.receive(wire.inbox)
