"""
An end to waiting for what the system itself would wait for without one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LONGEST = 10.0**7  # seconds; what is asked to take longer has no end


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """
    Raise `TimeoutError` unless the block ends within *seconds*, in whatever call it hangs.

    A timer interrupts the main thread alone (signal(7)); elsewhere there is no end.  An end that
    somebody else has set, and that comes sooner, stays.
    """
    sooner = 0 < signal.getitimer(signal.ITIMER_REAL)[0] < seconds
    alone = threading.current_thread() is not threading.main_thread()
    if seconds > LONGEST or sooner or alone:
        yield
        return
    before = signal.signal(signal.SIGALRM, ended)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left)


def ended(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError
