"""
A run from its job to its result: collect, extract, judge, check the links.

It keeps nothing, and knows nothing of the run before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gather import collecting, extracting, judging, talking
from gather.asking import Line
from gather.collecting import Told
from gather.evidence import Page
from gather.failures import Failed
from gather.job import Job
from gather.judging import Verdict
from gather.links import MOST, Links
from gather.money import Tally
from gather.speaking import Voice
from gather.talking import Round, Talk


def run(job: Job, line: Line, voice: Voice, links: Links) -> None:
    """Tells the result.  Raises `Failed`."""
    verdict = talking.held(talk(job, voice.progress, lambda: job.now), line)
    finish(job, verdict, line.tally, voice, links)


def talk(job: Job, told: Told, now: Callable[[], datetime]) -> Talk[Verdict]:
    """All that is asked of Claude for *job*.  Raises `Failed`."""
    pages = yield from collecting.collect(job, told)
    # A page that says `today` was not read on a day that we know.
    if now().astimezone(job.city.zone).date() != job.today.date():
        raise Failed("expired", "the day was over before the pages were read")
    verdict = yield from extracted(job, told, pages)
    verdict.drop_begun(now())
    return verdict


def extracted(job: Job, told: Told, pages: list[Page]) -> Talk[Verdict]:
    """
    A page that fails is counted (`page-refused`, …) and the others are read; if all of them
    failed, so did the run.
    """
    requests = [extracting.request(job, page) for page in pages]
    answers = yield Round(requests, lambda done: told("extracting", done, len(pages)))
    verdict, failures = Verdict(), list[Failed]()
    for page, answer in zip(pages, answers, strict=False):
        try:
            verdict.judge(job, page, extracting.claims(answer))
        except Failed as failed:
            failures.append(failed)
            verdict.dropped[f"page-{failed.reason}"] += 1
    if failures and not verdict.rows:
        raise failures[-1]
    told("extracting", len(pages), len(pages))
    return verdict


def finish(job: Job, verdict: Verdict, tally: Tally, voice: Voice, links: Links) -> None:
    """Tells the result, with links that lead somewhere."""
    check(job, verdict, voice, links)
    rows = list(verdict.rows.values())
    voice.result(
        rows=[row.words for row in rows],
        dropped=dict(sorted(verdict.dropped.items())),
        pages=list(dict.fromkeys(row.source for row in rows)),
        usage=tally.words,
    )


def check(job: Job, verdict: Verdict, voice: Voice, links: Links) -> None:
    """Ask for every link once; what is too much to ask for is dropped unasked."""
    found = {
        row.buy_link: judging.ticket_hosts(job, row.source)
        for row in verdict.rows.values()
        if row.buy_link
    }
    asked = list(found.items())[:MOST]
    faults = dict.fromkeys(list(found)[MOST:], "link-unchecked")
    voice.progress("checking", 0, len(asked))
    faults |= links.faults(asked, lambda done, of: voice.progress("checking", done, of))
    verdict.drop_links(faults)
