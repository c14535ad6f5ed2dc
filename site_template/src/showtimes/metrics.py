"""
The tenant's own numbers of this process, for `/metrics`.

How long requests take, and how many are in flight, the worker tells itself.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask, Response

TITLES = {
    "lock_acquired": "cinestream_lock_acquired_total",
    "lock_contended": "cinestream_lock_contended_total",
    "lock_taken_over": "cinestream_lock_taken_over_total",
    "lock_wait_seconds": "cinestream_lock_wait_seconds_total",
    "usd": "cinestream_agent_usd_total",
    "tokens": "cinestream_agent_tokens_total",
    "searches": "cinestream_agent_searches_total",
}
RUNS = "cinestream_agent_runs_total"
HITS = "cinestream_cache_hits_total"
MISSES = "cinestream_cache_misses_total"
REQUESTS = "cinestream_requests_total"

Labels = tuple[tuple[str, str], ...]

_guard = threading.Lock()
_numbers: dict[str, float] = dict.fromkeys(TITLES, 0)
_counts: dict[str, Counter[Labels]] = {title: Counter() for title in (RUNS, HITS, MISSES, REQUESTS)}


def init_app(app: Flask) -> None:
    from flask import request  # which the daily refresh does without

    def answered(response: Response) -> Response:
        # The rule and not the path: there are as many paths as people care to try.
        route = request.url_rule.rule if request.url_rule else "none"
        _count(REQUESTS, route=route, status=str(response.status_code))
        return response

    app.after_request(answered)


def add(name: str, amount: float = 1) -> None:
    with _guard:
        _numbers[name] += amount


def ran(outcome: str) -> None:
    """Count a run that ended as *outcome*: `fresh`, or the reason of its failure."""
    _count(RUNS, outcome=outcome)


def hit(cache: str) -> None:
    """Count an answer that *cache* had; its name is one of a few words of ours."""
    _count(HITS, cache=cache)


def miss(cache: str) -> None:
    """Count an answer that *cache* had to fetch."""
    _count(MISSES, cache=cache)


def text() -> str:
    """Prometheus' text format, version 0.0.4."""
    return "".join(f"{line}\n" for line in _lines())


def _count(title: str, **labels: str) -> None:
    with _guard:
        _counts[title][tuple(labels.items())] += 1


def _lines() -> Iterator[str]:
    with _guard:
        numbers = dict(_numbers)
        counts = {title: dict(counter) for title, counter in _counts.items()}
    for title, counter in counts.items():
        yield f"# TYPE {title} counter"
        for labels, count in sorted(counter.items()):
            yield f"{title}{{{_written(labels)}}} {count}"
    for name, title in TITLES.items():
        yield f"# TYPE {title} counter"
        yield f"{title} {round(numbers[name], 6)}"


def _written(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(words)}"' for name, words in labels)


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
