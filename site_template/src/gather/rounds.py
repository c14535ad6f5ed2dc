"""
Many runs at once: the open requests of all of them go into one batch, round by round.

One that fails is told of and left behind; it holds up none of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from gather import asking, failures, money, running
from gather.batches import Batches, Watch
from gather.failures import Failed
from gather.job import Job
from gather.judging import Verdict
from gather.links import Links
from gather.money import BATCH, Tally
from gather.speaking import Voice
from gather.talking import Answer, Request, Round, Talk

AT_ONCE = 4  # cities whose links are checked
LONGEST_ID = 64


class Run:
    """The run of one city, between two rounds; *asked* is what it waits for."""

    def __init__(self, job: Job, voice: Voice, now: Callable[[], datetime]) -> None:
        self.job, self.voice = job, voice
        self.tally = Tally(job.model, BATCH)
        self._talk: Talk[Verdict] = running.talk(job, voice.progress, now)
        self.asked: Sequence[Request] = ()
        self.verdict: Verdict | None = None

    def begin(self) -> None:
        self._go_on(lambda: next(self._talk))

    def hear(self, answers: Sequence[Answer]) -> None:
        taken = [self._taken(answer) for answer in answers]
        self._go_on(lambda: self._talk.send(taken))

    def fail(self, failed: Failed) -> None:
        self.asked = ()
        self.voice.failed(failed, self.tally.words)

    def _taken(self, answer: Answer) -> Answer:
        try:
            return answer if isinstance(answer, Failed) else asking.taken(answer, self.tally)
        except Failed as failed:
            return failed

    def _go_on(self, step: Callable[[], Round]) -> None:
        """To the next round, to the verdict, or to the failure, which is told."""
        self.asked = ()
        try:
            self.asked = step().requests
        except StopIteration as end:
            self.verdict = end.value
        except Failed as failed:
            self.fail(failed)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 -- the bug of one city is not the end of all
            self.fail(failures.unforeseen(error))


def run(jobs: Sequence[Job], batches: Batches, watch: Watch, voice: Voice, links: Links) -> None:
    """Tells a result or a failure of each city as soon as there is one, and `done` at the end."""
    runs = [Run(job, voice.about(job.city.slug), _clock(job, watch)) for job in jobs]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        try:
            ends = [threads.submit(_finish, each, links) for each in _decided(runs, batches)]
            for end in ends:
                end.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    voice.done(len(runs), money.total(each.tally.words for each in runs))


def _clock(job: Job, watch: Watch) -> Callable[[], datetime]:
    """The job's own clock, going on: its parent's may differ from ours."""
    return lambda: job.now + timedelta(seconds=watch.elapsed)


def _decided(runs: Sequence[Run], batches: Batches) -> Iterator[Run]:
    """Those that have a verdict, when they have it."""
    open_runs = list(runs)
    for each in open_runs:
        each.begin()
    while open_runs := [each for each in open_runs if each.asked]:
        answers = batches.answers({name: request for _, name, request in _named(open_runs)})
        heard = {
            id(each): [answers[name] for of, name, _ in _named(open_runs) if of is each]
            for each in open_runs
        }
        for each in open_runs:
            each.hear(heard[id(each)])
            if each.verdict is not None:
                yield each


def _named(runs: Sequence[Run]) -> Iterator[tuple[Run, str, Request]]:
    """Each open request with an id of its own, which the owner can read in her console."""
    number = 0
    for each in runs:
        for request in each.asked:
            yield each, f"{number}-{each.job.city.slug}"[:LONGEST_ID], request
            number += 1


def _finish(run: Run, links: Links) -> None:
    assert run.verdict is not None
    try:
        running.finish(run.job, run.verdict, run.tally, run.voice, links)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 -- as above
        run.fail(failures.unforeseen(error))
