"""In flight: many generations that wait for their provider, in one or a few worker processes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

from devtools.bench import photo, provider, usage
from devtools.bench.tasks import push, write_tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devtools.bench.scale import Scale
    from devtools.bench.testbed import BenchTestbed

#: Seconds between two samples of the worker's CPU and memory.
SAMPLE_S = 0.25
POINTS = 120


def measure(testbed: BenchTestbed, scale: Scale) -> dict[str, Any]:
    """Return the figures of the first size, and those of every other size as `at_{tasks}`."""
    (first, *more) = scale.in_flight
    found = in_flight(testbed, *first)
    return found | {f"at_{tasks}": in_flight(testbed, tasks, latency_s) for tasks, latency_s in more}


def in_flight(testbed: BenchTestbed, count: int, latency_s: float, *, processes: int = 1) -> dict[str, Any]:
    """Push `count` tasks whose generation takes `latency_s` seconds, to `processes` worker processes.

    Result: `tasks`, `latency_s`, `peak_in_flight` (concurrent generations), `makespan_ratio` (from the first LPUSH to
    the last published outcome, over the latency), `rss_mb` (peak of all worker processes), `waiting_core_share` (their
    CPU between the last call and the first answer, null if these overlap); `curve` of generations over `seconds`.
    """
    url = testbed.share(photo.tiny_photo(), "inflight")
    limits = {"WORKER_CONCURRENCY": str(-(-count // processes)), "MAX_IN_FLIGHT": str(count)}
    with testbed.workers(processes=processes, latency_s=latency_s, env=limits) as worker:
        children = usage.workers_below(worker.pid)
        tasks = write_tasks(testbed.database, count, seed="inflight", owners=max(1, count // 50))
        with UsageSampler(children) as samples:
            started = time.time()
            push(testbed.redis, tasks, [url, url])
            ended = testbed.wait_completed(tasks)
    calls = provider.calls(testbed.call_log)
    last_call, first_answer = max(began for began, _ in calls.values()), min(ended for _, ended in calls.values())
    seconds = [started + (ended - started) * point / POINTS for point in range(POINTS + 1)]
    return {
        "tasks": count,
        "processes": processes,
        "latency_s": latency_s,
        "peak_in_flight": max(_open_calls(calls, began) for began, _ in calls.values()),
        "makespan_ratio": round((ended - started) / latency_s, 3),
        "rss_mb": round(max(samples.rss_mb), 1),
        "waiting_core_share": samples.core_share(last_call, first_answer),
        "curve": {
            "seconds": [round(at - started, 2) for at in seconds],
            "generations": [_open_calls(calls, at) for at in seconds],
        },
    }


def _open_calls(calls: Mapping[str, tuple[float, float]], at: float) -> int:
    return sum(began <= at < ended for began, ended in calls.values())


class UsageSampler:
    """Sample the CPU and memory of processes in a thread, from entering the context until leaving it."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="usage-sampler", daemon=True)
        self.at: list[float] = []
        self.cpu_s: list[float] = []
        self.rss_mb: list[float] = []

    def __enter__(self) -> Self:
        """Start sampling."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop sampling."""
        self._stopped.set()
        self._thread.join()

    def core_share(self, since: float, until: float) -> float | None:
        """Return the CPU seconds per second between two times, or None with fewer than two samples between them."""
        samples = [(at, cpu_s) for at, cpu_s in zip(self.at, self.cpu_s, strict=True) if since <= at <= until]
        if len(samples) < 2:  # noqa: PLR2004  a share needs two
            return None
        (first_at, first), (last_at, last) = samples[0], samples[-1]
        return round((last - first) / (last_at - first_at), 3)

    def _sample(self) -> None:
        while True:
            self.at.append(time.time())
            self.cpu_s.append(sum(map(usage.cpu_s, self._pids)))
            self.rss_mb.append(sum(map(usage.rss_mb, self._pids)))
            if self._stopped.wait(SAMPLE_S):
                return
