"""
The tenant's own numbers of this process, for `/metrics`.
"""

from __future__ import annotations

import threading

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

_guard = threading.Lock()
_numbers: dict[str, float] = dict.fromkeys(TITLES, 0)
_outcomes: dict[str, int] = {}


def add(name: str, amount: float = 1) -> None:
    with _guard:
        _numbers[name] += amount


def ran(outcome: str) -> None:
    """Count a run that ended as *outcome*: `fresh`, or the reason of its failure."""
    with _guard:
        _outcomes[outcome] = _outcomes.get(outcome, 0) + 1


def text() -> str:
    """Prometheus' text format, version 0.0.4."""
    with _guard:
        numbers, outcomes = dict(_numbers), dict(_outcomes)
    lines = [f"# TYPE {RUNS} counter"]
    lines += [f'{RUNS}{{outcome="{name}"}} {count}' for name, count in sorted(outcomes.items())]
    for name, title in TITLES.items():
        lines += [f"# TYPE {title} counter", f"{title} {round(numbers[name], 6)}"]
    return "\n".join(lines) + "\n"
