"""
An agent on this machine: what it says beside its answers is told where it is lost, and only there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cinestream_ops.channel.local import local
from cinestream_ops.errors import Unreachable


def interpreter(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_last_words_of_an_agent_that_is_gone_are_told(tmp_path, capfd):
    python = interpreter(tmp_path / "python", r"printf 'first\033]0;evil\007\nno Python\n' >&2")

    with pytest.raises(Unreachable, match="hung up: no Python"), local(python, str(tmp_path)):
        raise Unreachable("hung up")

    assert ("", "") == tuple(capfd.readouterr())


def test_an_agent_that_talks_without_an_end_fills_nothing(tmp_path):
    talks = interpreter(tmp_path / "python", "head -c 10000000 /dev/zero >&2; exec cat")

    with local(talks, str(tmp_path)) as (inbox, outbox):
        inbox.write(b"still there\n")
        inbox.flush()

        assert b"still there\n" == outbox.readline()


def test_another_failure_is_told_as_it_is(tmp_path):
    silent = interpreter(tmp_path / "python", "exec cat")

    with pytest.raises(Unreachable, match=r"\Ahung up\Z"), local(silent, str(tmp_path)):
        raise Unreachable("hung up")
