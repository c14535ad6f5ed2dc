"""
That MongoDB does not answer is found within a bound.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from threading import Thread

import pytest

from cinestream_ops.agent import mongodb_health

HERE = "127.0.0.1"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((HERE, 0)) as server:
        yield server


def test_one_that_is_frozen_is_waited_for_no_longer_than_that(listener: socket.socket):
    assert "timed out" == mongodb_health.silence(listener.getsockname(), patience=0.1)


def test_one_that_is_not_there_is_told(listener: socket.socket):
    address = listener.getsockname()
    listener.close()

    assert "Connection refused" in mongodb_health.silence(address)


@pytest.mark.parametrize(("answer", "said"), [(b"\x20", ""), (b"", "it hangs up")])
def test_whoever_says_a_word_is_there(listener: socket.socket, answer: bytes, said: str):
    heard: list[bytes] = []

    def serve() -> None:
        stream, _ = listener.accept()
        with stream:
            heard.append(stream.recv(1024))
            stream.sendall(answer)

    Thread(target=serve, daemon=True).start()

    assert said == mongodb_health.silence(listener.getsockname())
    assert len(heard[0]) == struct.unpack("<i", heard[0][:4])[0]


def test_where_no_site_needs_one_nobody_is_asked():
    assert "" == mongodb_health.trouble("", missed=True)
    assert "" == mongodb_health.trouble("none", missed=True)
    assert "" == mongodb_health.trouble("external", missed=False)
