"""Efficiency: jobs per second over those of the bare image functions on the same cores, and with growing queues."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devtools.bench import bare, photo
from devtools.bench.tasks import push, write_tasks

if TYPE_CHECKING:
    from devtools.bench.scale import Scale
    from devtools.bench.testbed import BenchTestbed

WARM_UP = 4
#: The bare processes run this fraction of the tasks before and after them, as the speed of the machine may change.
BARE_SHARE = 6


def measure(testbed: BenchTestbed, scale: Scale) -> dict[str, Any]:
    """Return `ratio`, `jobs_per_s`, `bare_jobs_per_s`, `cpu_ms_per_job`, `bare_cpu_ms_per_job` and `photo_mb`."""
    picture = photo.jpeg_photo(scale.photo_mp)
    url = testbed.share(picture, "efficiency")
    rounds = max(1, scale.efficiency_tasks // BARE_SHARE // bare.PROCESSES)
    before = bare.throughput(picture, rounds)
    per_s, cpu_ms = _run(testbed, scale.efficiency_tasks, [url, url], draws=True)
    after = bare.throughput(picture, rounds)
    bare_per_s, bare_cpu_ms = ((one + other) / 2 for one, other in zip(before, after, strict=True))
    return {
        "ratio": round(per_s / bare_per_s, 3),
        "jobs_per_s": round(per_s, 2),
        "bare_jobs_per_s": round(bare_per_s, 2),
        "cpu_ms_per_job": round(cpu_ms, 1),
        "bare_cpu_ms_per_job": round(bare_cpu_ms, 1),
        "photo_mb": round(len(picture) / 1e6, 2),
    }


def growth(testbed: BenchTestbed, scale: Scale) -> dict[str, Any]:
    """Measure several numbers of tasks, with smaller photos and no drawing, so that the largest takes minutes.

    Return `ratio_max`, the fastest rate over the slowest, and `jobs_per_s` by number of tasks.
    """
    url = testbed.share(photo.jpeg_photo(scale.growth_mp), "growth")
    rates = {str(tasks): round(_run(testbed, tasks, [url, url], draws=False)[0], 2) for tasks in scale.growth}
    return {"ratio_max": round(max(rates.values()) / min(rates.values()), 3), "jobs_per_s": rates}


def _run(testbed: BenchTestbed, count: int, urls: list[str], *, draws: bool) -> tuple[float, float]:
    """Return the jobs per second, and the CPU milliseconds per job of all processes."""
    with testbed.workers(draws=draws) as worker:
        warm_up = write_tasks(testbed.database, WARM_UP, seed="warm-up")
        push(testbed.redis, warm_up, urls)
        testbed.wait_completed(warm_up)
        tasks = write_tasks(testbed.database, count, seed=f"efficiency-{count}")
        before, started = testbed.usage(worker=worker.pid), time.time()
        push(testbed.redis, tasks, urls)
        ended = testbed.wait_completed([*warm_up, *tasks])
        used = testbed.usage(worker=worker.pid).since(before)
    return count / (ended - started), sum(used.values()) * 1000 / count
