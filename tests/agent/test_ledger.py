"""
The ledger never lets more through than the authority would, and says when it may go on.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cinestream_ops.agent import ledger
from cinestream_ops.agent.ledger import DUPLICATES, FAILED, FAILURES, HOUR, ISSUED, WEEK

CA, OTHER = "https://ca.example/dir", "https://other.example/dir"
BLOG, WWW = ("blog.example",), ("blog.example", "www.blog.example")
NOW = 1_800_000_000.0

moments = st.lists(st.floats(0, 3 * WEEK), max_size=40).map(sorted)


def tried(moments, what, names):
    """The moments at which the ledger let us ask, each ask ending with *what*."""
    entries, times = [], []
    for now in moments:
        if not ledger.limit(entries, names, CA, now):
            entries = ledger.noted(entries, what, names, CA, now)
            times.append(now)
    return times


def most_within(times, span):
    return max((sum(at - span < other <= at for other in times) for at in times), default=0)


@given(moments)
def test_a_week_never_sees_more_duplicates_than_allowed(moments):
    assert most_within(tried(moments, ISSUED, WWW), WEEK) <= DUPLICATES


@given(moments.map(lambda each: [at / 50 for at in each]))
def test_an_hour_never_sees_more_failures_than_allowed(moments):
    assert most_within(tried(moments, FAILED, WWW), HOUR) <= FAILURES


@given(moments, st.sampled_from([ISSUED, FAILED]))
def test_when_it_says_it_may_it_may(moments, what):
    entries = []
    for at in moments:
        entries = ledger.noted(entries, what, BLOG, CA, at)
    limit = ledger.limit(entries, BLOG, CA, moments[-1] if moments else 0)

    assert limit is None or ledger.limit(entries, BLOG, CA, limit.until) is None


@given(moments)
def test_it_forgets_nothing_that_still_counts(moments):
    entries = []
    for at in moments:
        entries = ledger.noted(entries, ISSUED, BLOG, CA, at)

    assert [at for at in moments if at > (moments or [0])[-1] - WEEK] == [
        entry["at"] for entry in entries
    ]


def filled(what, names=BLOG, directory=CA):
    entries = []
    for minute in range(5):
        entries = ledger.noted(entries, what, names, directory, NOW + 60 * minute)
    return entries


def test_the_sixth_duplicate_waits_for_the_first_to_be_a_week_old():
    limit = ledger.limit(filled(ISSUED), BLOG, CA, NOW + HOUR)

    assert limit is not None
    assert limit.until == NOW + WEEK


def test_another_set_of_names_is_no_duplicate():
    assert ledger.limit(filled(ISSUED), WWW, CA, NOW + HOUR) is None


def test_a_failure_counts_for_each_name_of_the_order():
    limit = ledger.limit(filled(FAILED, WWW), BLOG, CA, NOW + 300)

    assert limit is not None
    assert "`blog.example`" in limit.why
    assert limit.until == NOW + HOUR


def test_each_authority_counts_for_itself():
    assert ledger.limit(filled(FAILED, directory=OTHER), BLOG, CA, NOW + 300) is None
