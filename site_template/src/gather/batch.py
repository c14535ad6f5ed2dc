"""
`python -m gather.batch`: many jobs on stdin, events on stdout, and always exit code 0.

Like `python -m gather`, but by the batches API: slower and cheaper, for what nobody waits for.
SIGTERM cancels the batch that is under way.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from typing import BinaryIO

from gather import asking, failures, job, rounds, speaking
from gather.batches import Batches, Told, Watch
from gather.failures import Failed
from gather.links import Links
from gather.money import Tally
from gather.speaking import Voice

LONGEST = 8 << 20  # bytes of all jobs


def main(inbox: BinaryIO, outbox: BinaryIO, environ: Mapping[str, str], links: Links) -> None:
    voice = Voice(outbox, [environ.get("ANTHROPIC_API_KEY", "")])
    try:
        task = job.read_many(inbox.read(LONGEST))
        watch = Watch(task.hours * 3600)
        signal.signal(signal.SIGTERM, watch.stop)
        batches = Batches(asking.client(environ), watch, _waiting(voice))
        rounds.run(task.jobs, batches, watch, voice, links)
    except job.BadJob as bad:
        voice.failed(Failed("invalid", str(bad)), Tally("").words)
    except Failed as failed:
        voice.failed(failed, Tally("").words)
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 -- the one door; its text might hold a secret
        voice.failed(failures.unforeseen(error), Tally("").words)


def _waiting(voice: Voice) -> Told:
    return lambda done, of: voice.progress("waiting", done, of)


if __name__ == "__main__":
    main(sys.stdin.buffer, speaking.own_stdout(), os.environ, Links())
