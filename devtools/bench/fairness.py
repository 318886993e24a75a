"""Fairness: what others wait while one owner's flood is being worked on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devtools.bench import photo
from devtools.bench.percentiles import percentile
from devtools.bench.tasks import BenchTask, push, write_tasks

if TYPE_CHECKING:
    from devtools.bench.scale import Scale
    from devtools.bench.testbed import BenchTestbed

#: What a generation takes, seconds; a real one takes longer, which hides more.
LATENCY_S = 2.0
#: How much of the flood has been completed when the others come: the system is in full swing.
SWING_SHARE = 0.1
WARM_UP = 4


def measure(testbed: BenchTestbed, scale: Scale) -> dict[str, Any]:
    """`wait_ratio`: the median wait of the others, from LPUSH to told, over that on an idle system (`idle_s`)."""
    url = testbed.share(photo.tiny_photo(), "fairness")
    with testbed.workers(latency_s=LATENCY_S):
        _waits(testbed, write_tasks(testbed.database, WARM_UP, seed="warm-up", owners=WARM_UP), url)
        idle = _waits(testbed, write_tasks(testbed.database, scale.others, seed="idle", owners=scale.others), url)
        flood = write_tasks(testbed.database, scale.flood, seed="flood")
        others = write_tasks(testbed.database, scale.others, seed="others", owners=scale.others)
        push(testbed.redis, flood, [url, url])
        done = WARM_UP + scale.others + round(scale.flood * SWING_SHARE)
        testbed.wait_until("select count(*) from darkroom_jobs where state = 'completed'", done)
        waits = _waits(testbed, others, url)
    return {
        "wait_ratio": round(percentile(waits, 0.5) / percentile(idle, 0.5), 2),
        "wait_ratio_worst": round(max(waits) / max(idle), 2),
        "idle_s": [round(wait, 2) for wait in sorted(idle)],
        "flooded_s": [round(wait, 2) for wait in sorted(waits)],
    }


def _waits(testbed: BenchTestbed, tasks: list[BenchTask], url: str) -> list[float]:
    """Seconds that each task waited, pushed together."""
    ids = [task.task_id for task in tasks]
    pushed = time.time()
    push(testbed.redis, tasks, [url, url])
    listed = ", ".join(f"'{task_id}'" for task_id in ids)
    told = f"from darkroom_jobs where task_id in ({listed}) and notified_at is not null"
    testbed.wait_until(f"select count(*) {told}", len(tasks))
    rows = testbed.database.execute(f"select extract(epoch from notified_at)::float8 {told}".encode())  # noqa: S608  the same
    return [at - pushed for (at,) in rows]
