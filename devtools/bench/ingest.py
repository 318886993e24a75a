"""Ingest: how fast one worker takes a full list into the waiting room while it dispatches and works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devtools.bench import photo, usage
from devtools.bench.tasks import LIST, BenchTask, push, write_tasks
from devtools.bench.testbed import POLL_S

if TYPE_CHECKING:
    from devtools.bench.scale import Scale
    from devtools.bench.testbed import BenchTestbed

#: What a generation takes meanwhile, seconds: the places in flight stay taken, as in a real flood.
LATENCY_S = 2.0
#: The list is filled while the worker can't see it, so that the first task is there when the last one is.
ASIDE = "bench:aside"
OWNERS = 50


def measure(testbed: BenchTestbed, scale: Scale) -> dict[str, Any]:
    """`per_s`, `rss_growth_mb` of the worker, `tasks`, `dispatched` meanwhile; `curve` of rows over `seconds`."""
    url = testbed.share(photo.tiny_photo(), "ingest")
    with testbed.workers(processes=1, latency_s=LATENCY_S) as worker:
        (child,) = usage.workers_below(worker.pid)
        tasks = write_tasks(testbed.database, scale.ingest_tasks, seed="ingest", owners=OWNERS)
        _push_at_once(testbed, tasks, url)
        started, before_mb = time.monotonic(), usage.rss_mb(child)
        seconds, rows, most_mb = [0.0], [0], before_mb
        while rows[-1] < len(tasks):
            time.sleep(POLL_S / 2)
            rows.append(_count(testbed, "select count(*) from darkroom_jobs"))
            seconds.append(round(time.monotonic() - started, 3))
            most_mb = max(most_mb, usage.rss_mb(child))
        dispatched = _count(testbed, "select count(*) from darkroom_jobs where dispatched_at is not null")
    return {
        "per_s": round(rows[-1] / seconds[-1], 1),
        "rss_growth_mb": round(most_mb - before_mb, 1),
        "tasks": len(tasks),
        "dispatched": dispatched,
        "curve": {"seconds": seconds, "rows": rows},
    }


def _push_at_once(testbed: BenchTestbed, tasks: list[BenchTask], url: str) -> None:
    push(testbed.redis, tasks, [url, url], to=ASIDE)
    testbed.redis.rename(ASIDE, LIST)


def _count(testbed: BenchTestbed, query: str) -> int:
    return int((testbed.database.execute(query.encode()).fetchone() or (0,))[0])
