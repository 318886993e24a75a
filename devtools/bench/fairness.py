"""Fairness: how long other owners wait while one owner's many tasks are processed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devtools.bench import photo
from devtools.bench.percentiles import percentile
from devtools.bench.tasks import BenchTask, push, write_tasks

if TYPE_CHECKING:
    from devtools.bench.scale import Scale
    from devtools.bench.testbed import BenchTestbed

#: Duration of a generation, seconds. Real ones take longer, which would hide waiting times.
LATENCY_S = 2.0
#: Share of the flood that is completed before the others push, so that all slots are busy.
COMPLETED_SHARE = 0.1
WARM_UP = 4


def measure(testbed: BenchTestbed, scale: Scale) -> dict[str, Any]:
    """Return the waits of the others, idle and behind the flood.

    `wait_ratio` and `wait_ratio_worst` are the median and the longest wait, from LPUSH to the outcome's publication,
    over those on an idle system; `idle_s` and `flooded_s` are all waits, seconds.
    """
    url = testbed.share(photo.tiny_photo(), "fairness")
    with testbed.workers(latency_s=LATENCY_S):
        _waits(testbed, write_tasks(testbed.database, WARM_UP, seed="warm-up", owners=WARM_UP), url)
        idle = _waits(testbed, write_tasks(testbed.database, scale.others, seed="idle", owners=scale.others), url)
        flood = write_tasks(testbed.database, scale.flood, seed="flood")
        others = write_tasks(testbed.database, scale.others, seed="others", owners=scale.others)
        push(testbed.redis, flood, [url, url])
        completed = WARM_UP + scale.others + round(scale.flood * COMPLETED_SHARE)
        testbed.wait_until("select count(*) from darkroom_jobs where state = 'completed'", completed)
        waits = _waits(testbed, others, url)
    return {
        "wait_ratio": round(percentile(waits, 0.5) / percentile(idle, 0.5), 2),
        "wait_ratio_worst": round(max(waits) / max(idle), 2),
        "idle_s": [round(wait, 2) for wait in sorted(idle)],
        "flooded_s": [round(wait, 2) for wait in sorted(waits)],
    }


def _waits(testbed: BenchTestbed, tasks: list[BenchTask], url: str) -> list[float]:
    """Push the tasks together; return the seconds that each of them waited."""
    ids = [task.task_id for task in tasks]
    pushed = time.time()
    push(testbed.redis, tasks, [url, url])
    quoted = ", ".join(f"'{task_id}'" for task_id in ids)
    ended = f"from darkroom_jobs where task_id in ({quoted}) and finished_at is not null"
    testbed.wait_until(f"select count(*) {ended}", len(tasks))
    rows = testbed.database.execute(f"select extract(epoch from finished_at)::float8 {ended}".encode())  # noqa: S608  own ids
    return [at - pushed for (at,) in rows]
