"""
`python -m gather`: a job on stdin, events on stdout, and always exit code 0.

A run that came to nothing is an event too; only a parent that went away is not told of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import BinaryIO

from gather import asking, failures, job, running, speaking
from gather.failures import Failed
from gather.links import Links
from gather.money import Tally
from gather.speaking import Voice

LONGEST = 1 << 20  # bytes of a job


def main(inbox: BinaryIO, outbox: BinaryIO, environ: Mapping[str, str], links: Links) -> None:
    voice = Voice(outbox, [environ.get("ANTHROPIC_API_KEY", "")])
    tally = Tally("")
    try:
        task = job.read(inbox.read(LONGEST))
        tally = Tally(task.model)
        running.run(task, asking.Line(asking.client(environ), tally), voice, links)
    except job.BadJob as bad:
        voice.failed(Failed("invalid", str(bad)), tally.words)
    except Failed as failed:
        voice.failed(failed, tally.words)
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 -- the one door; its text might hold a secret
        voice.failed(failures.unforeseen(error), tally.words)


if __name__ == "__main__":
    main(sys.stdin.buffer, speaking.own_stdout(), os.environ, Links())
