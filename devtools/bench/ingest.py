"""Ingest: how fast one worker turns a full list into waiting jobs while it also dispatches and runs jobs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devtools.bench import photo, usage
from devtools.bench.tasks import LIST, BenchTask, push, write_tasks
from devtools.bench.testbed import POLL_S

if TYPE_CHECKING:
    from devtools.bench.scale import Scale
    from devtools.bench.testbed import BenchTestbed

#: Duration of a generation, seconds: long enough to keep all slots busy, as under real load.
LATENCY_S = 2.0
#: The list is filled under this name and then renamed, so that the worker sees all tasks at once.
STAGING_LIST = "bench:staging"
OWNERS = 50


def measure(testbed: BenchTestbed, scale: Scale) -> dict[str, Any]:
    """Return `per_s`, the worker's `rss_growth_mb`, `tasks`, `dispatched` meanwhile, `curve` of rows over `seconds`."""
    url = testbed.share(photo.tiny_photo(), "ingest")
    with testbed.workers(processes=1, latency_s=LATENCY_S) as worker:
        (child,) = usage.workers_below(worker.pid)
        tasks = write_tasks(testbed.database, scale.ingest_tasks, seed="ingest", owners=OWNERS)
        _push_at_once(testbed, tasks, url)
        started, before_mb = time.monotonic(), usage.rss_mb(child)
        seconds, rows, peak_mb = [0.0], [0], before_mb
        while rows[-1] < len(tasks):
            time.sleep(POLL_S / 2)
            rows.append(_count(testbed, "select count(*) from darkroom_jobs"))
            seconds.append(round(time.monotonic() - started, 3))
            peak_mb = max(peak_mb, usage.rss_mb(child))
        dispatched = _count(testbed, "select count(*) from darkroom_jobs where dispatched_at is not null")
    return {
        "per_s": round(rows[-1] / seconds[-1], 1),
        "rss_growth_mb": round(peak_mb - before_mb, 1),
        "tasks": len(tasks),
        "dispatched": dispatched,
        "curve": {"seconds": seconds, "rows": rows},
    }


def _push_at_once(testbed: BenchTestbed, tasks: list[BenchTask], url: str) -> None:
    push(testbed.redis, tasks, [url, url], to=STAGING_LIST)
    testbed.redis.rename(STAGING_LIST, LIST)


def _count(testbed: BenchTestbed, query: str) -> int:
    return int((testbed.database.execute(query.encode()).fetchone() or (0,))[0])
