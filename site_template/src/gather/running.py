"""
A run from its job to its result: collect, extract, judge, check the links.

It keeps nothing, and knows nothing of the run before.
"""

from __future__ import annotations

from gather import collecting, extracting, judging
from gather.asking import Line
from gather.evidence import Page
from gather.failures import Failed
from gather.job import Job
from gather.judging import Verdict
from gather.links import MOST, Links
from gather.speaking import Voice


def run(job: Job, line: Line, voice: Voice, links: Links) -> None:
    """Tells the result.  Raises `Failed`."""
    pages = collecting.collect(job, line, voice.progress)
    verdict = extracted(job, line, voice, pages)
    check(job, verdict, voice, links)
    rows = list(verdict.rows.values())
    voice.result(
        rows=[row.words for row in rows],
        dropped=dict(sorted(verdict.dropped.items())),
        pages=list(dict.fromkeys(row.source for row in rows)),
        usage=line.tally.words,
    )


def extracted(job: Job, line: Line, voice: Voice, pages: list[Page]) -> Verdict:
    """
    A page that fails is counted (`page-refused`, …) and the others are read; if all of them
    failed, so did the run.
    """
    verdict, failures = Verdict(), list[Failed]()
    for done, page in enumerate(pages):
        voice.progress("extracting", done, len(pages))
        try:
            verdict.judge(job, page, extracting.extract(job, line, page))
        except Failed as failed:
            failures.append(failed)
            verdict.dropped[f"page-{failed.reason}"] += 1
            if failed.concerns_all:
                break
    if failures and not verdict.rows:
        raise failures[-1]
    voice.progress("extracting", len(pages), len(pages))
    return verdict


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
