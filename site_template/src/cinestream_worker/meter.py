"""
The numbers of one worker, for `/metrics`.
"""

from __future__ import annotations

import bisect
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class Meter:
    """What this process has answered since it started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statuses = dict.fromkeys(("1xx", "2xx", "3xx", "4xx", "5xx"), 0)
        self._within = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._started = time.time()
        self.in_flight = 0

    def begin(self) -> None:
        with self._lock:
            self.in_flight += 1

    def end(self, status: int, seconds: float) -> None:
        with self._lock:
            self.in_flight -= 1
            self._statuses[f"{min(max(status // 100, 1), 5)}xx"] += 1
            self._within[bisect.bisect_left(BUCKETS, seconds)] += 1
            self._seconds += seconds

    def text(self, threads: int, queued: int) -> str:
        """Prometheus' text format, version 0.0.4."""
        with self._lock:
            lines = [*self._requests(), *self._latency()]
            in_flight = self.in_flight
        usage = resource.getrusage(resource.RUSAGE_SELF)
        lines += [
            *_single("cinestream_worker_in_flight", "gauge", in_flight),
            *_single("cinestream_worker_queued", "gauge", queued),
            *_single("cinestream_worker_threads", "gauge", threads),
            *_single("process_resident_memory_bytes", "gauge", resident_bytes()),
            *_single(
                "process_cpu_seconds_total", "counter", round(usage.ru_utime + usage.ru_stime, 3)
            ),
            *_single("process_start_time_seconds", "gauge", round(self._started, 3)),
        ]
        return "\n".join(lines) + "\n"

    def _requests(self) -> Iterator[str]:
        yield "# TYPE cinestream_worker_requests_total counter"
        for status, count in self._statuses.items():
            yield f'cinestream_worker_requests_total{{status="{status}"}} {count}'

    def _latency(self) -> Iterator[str]:
        name = "cinestream_worker_request_seconds"
        yield f"# TYPE {name} histogram"
        total = 0
        for bound, count in zip([*BUCKETS, "+Inf"], self._within):  # noqa: B905 -- strict= needs 3.10
            total += count
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self._seconds:.6f}"
        yield f"{name}_count {total}"


def _single(name: str, kind: str, value: float) -> tuple[str, str]:
    return f"# TYPE {name} {kind}", f"{name} {value}"


def resident_bytes() -> int:
    """The resident set of this process (proc_pid_statm(5): the second number, in pages)."""
    return (
        int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        * resource.getpagesize()
    )
