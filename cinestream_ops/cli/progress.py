"""
How far a long work is: a bar on a terminal, now and then a line elsewhere.

Work that is done within a second shows nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from cinestream_ops.cli import mouth, show
from cinestream_ops.plan import Plan
from cinestream_ops.plan.sentence import sentence
from cinestream_ops.state.items import Daemon, Fence

PATIENCE = 1.0  # seconds that a work may take without a word
EVERY = 3.0  # seconds between two lines

# What is being done, how much of it is done, how much there is in all.
Told: TypeAlias = Callable[[str, int, int], None]


@contextmanager
def telling(*, quiet: bool = False) -> Iterator[Told]:
    """A function that takes news of a work, and shows them in the way that suits stderr."""
    if quiet:
        yield lambda *_: None
    elif mouth.on_terminal(mouth.ERR):
        with bar() as told:
            yield told
    else:
        yield lines()


def lines(clock: Callable[[], float] = time.monotonic) -> Told:
    """A line now and then, so that the log of two hundred steps stays a page."""
    due = clock() + PATIENCE

    def told(what: str, done: int, total: int) -> None:
        nonlocal due
        if clock() >= due:
            due = clock() + EVERY
            show.say(f"{counted(done, total)}{what}")

    return told


def counted(done: int, total: int) -> str:
    return f"[{done}/{total}] " if total else ""


@contextmanager
def bar(clock: Callable[[], float] = time.monotonic) -> Iterator[Told]:
    """A bar that appears once the work has taken a second."""
    begun = clock()
    drawn: Any = None
    task: Any = None

    def told(what: str, done: int, total: int) -> None:
        nonlocal drawn, task
        if drawn is None and clock() - begun >= PATIENCE:
            drawn = started()
            task = drawn.add_task("", total=None)
        if drawn is not None:
            drawn.update(task, description=mouth.visible(what), completed=done, total=total or None)

    try:
        yield told
    finally:
        if drawn is not None:
            drawn.stop()


def started() -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
    )
    progress = Progress(*columns, console=mouth.console(mouth.ERR), transient=True)
    progress.start()
    return progress


def of_plan(plan: Plan, told: Told) -> Callable[[dict[str, Any]], None]:
    """What takes the events of making *plan* true, and passes them on as news of a work."""
    sentences = {
        (step.verb, step.key): sentence(step)
        for step in plan.steps
        if not isinstance(step.item, Fence | Daemon)
    }
    done, total = 0, len(plan.steps)

    def report(event: dict[str, Any]) -> None:
        nonlocal done
        kind = event.get("event")
        if kind == "step":
            done += event["state"] == "end"
            what = sentences.get((event["verb"], event["key"]), "tell systemd and nginx")
            told(what, done, total)
        elif kind == "progress":
            told(detail(event), done, total)
        elif kind == "said":
            show.quote(event["text"].rstrip("\n"))
        elif kind == "waiting":
            waiting(event)

    return report


def waiting(event: dict[str, Any]) -> None:
    show.say(f"Waiting: {event['for']}")


def detail(event: dict[str, Any]) -> str:
    done, total = event.get("done") or 0, event.get("total") or 0
    share = f" ({100 * done // total}%)" if total else ""
    return f"{event.get('text', '')}{share}"
