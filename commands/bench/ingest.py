"""Ingest: how fast one worker takes a full list into the waiting room while it dispatches and works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from commands.bench import photo, usage
from commands.bench.arena import POLL_S
from commands.bench.tasks import LIST, Task, push, write_tasks

if TYPE_CHECKING:
    from commands.bench.arena import Arena
    from commands.bench.scale import Scale

#: What a generation takes meanwhile, seconds: the places in flight stay taken, as in a real flood.
LATENCY_S = 2.0
#: The list is filled while the worker can't see it, so that the first task is there when the last one is.
ASIDE = "bench:aside"
OWNERS = 50


def measure(arena: Arena, scale: Scale) -> dict[str, Any]:
    """`per_s`, `rss_growth_mb` of the worker, `tasks`, `dispatched` meanwhile; `curve` of rows over `seconds`."""
    url = arena.share(photo.tiny_photo(), "ingest")
    with arena.workers(processes=1, latency_s=LATENCY_S) as worker:
        (child,) = usage.workers_below(worker.pid)
        tasks = write_tasks(arena.database, scale.ingest_tasks, seed="ingest", owners=OWNERS)
        _push_at_once(arena, tasks, url)
        started, before_mb = time.monotonic(), usage.rss_mb(child)
        seconds, rows, most_mb = [0.0], [0], before_mb
        while rows[-1] < len(tasks):
            time.sleep(POLL_S / 2)
            rows.append(_count(arena, "select count(*) from darkroom_jobs"))
            seconds.append(round(time.monotonic() - started, 3))
            most_mb = max(most_mb, usage.rss_mb(child))
        dispatched = _count(arena, "select count(*) from darkroom_jobs where dispatched_at is not null")
    return {
        "per_s": round(rows[-1] / seconds[-1], 1),
        "rss_growth_mb": round(most_mb - before_mb, 1),
        "tasks": len(tasks),
        "dispatched": dispatched,
        "curve": {"seconds": seconds, "rows": rows},
    }


def _push_at_once(arena: Arena, tasks: list[Task], url: str) -> None:
    push(arena.redis, tasks, [url, url], to=ASIDE)
    arena.redis.rename(ASIDE, LIST)


def _count(arena: Arena, query: str) -> int:
    return int((arena.database.execute(query.encode()).fetchone() or (0,))[0])
