"""Idle latency: one task at a time on an idle system."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from commands.outcome import CommandError
from devtools.bench import bare, photo, provider
from devtools.bench.percentiles import curve, percentile
from devtools.bench.tasks import BenchTask, push, write_tasks
from schemas.progress import Status, channel

if TYPE_CHECKING:
    from devtools.bench.scale import Scale
    from devtools.bench.testbed import BenchTestbed

MEGAPIXELS = 0.4
WARM_UP = 5
#: Pause between two tasks, seconds, so that the first one's remaining work is done.
PAUSE_S = 0.05


def measure(testbed: BenchTestbed, scale: Scale) -> dict[str, Any]:
    """Measure from LPUSH to the provider's call and to the completed event, minus the bare time of the image work.

    Milliseconds: `to_provider_ms_p50`, `to_provider_ms_p95`, `to_completed_ms_p50`, `to_completed_ms_p95`, the
    subtracted `bare_to_provider_ms` and `bare_to_completed_ms`, and both latencies as a `curve` of percentiles.
    """
    picture = photo.jpeg_photo(MEGAPIXELS)
    url = testbed.share(picture, "idle")
    with testbed.workers(draws=True):
        tasks = write_tasks(testbed.database, WARM_UP + scale.idle_tasks, seed="idle")
        ended, bare_ms = [], []
        for task in tasks:
            ended.append(_run_task(testbed, task, [url, url]))
            bare_ms.append(bare.times_ms(picture))  # alternating, so that other load on the machine slows both
    calls, ended, bare_ms = provider.calls(testbed.call_log), ended[WARM_UP:], bare_ms[WARM_UP:]
    to_provider_ms = percentile([before for before, _ in bare_ms], 0.5)
    to_completed_ms = percentile([whole for _, whole in bare_ms], 0.5)
    to_provider = [
        (calls[task.task_id][0] - pushed) * 1000 - to_provider_ms
        for task, (pushed, _) in zip(tasks[WARM_UP:], ended, strict=True)
    ]
    to_completed = [(completed - pushed) * 1000 - to_completed_ms for pushed, completed in ended]
    return {
        **_figures("to_provider", to_provider),
        **_figures("to_completed", to_completed),
        "bare_to_provider_ms": round(to_provider_ms, 1),
        "bare_to_completed_ms": round(to_completed_ms, 1),
        "curve": {"to_provider_ms": curve(to_provider), "to_completed_ms": curve(to_completed)},
    }


def _run_task(testbed: BenchTestbed, task: BenchTask, urls: list[str]) -> tuple[float, float]:
    """Run one task; return when it was pushed and when its completion was published, seconds since the epoch."""
    with testbed.redis.pubsub(ignore_subscribe_messages=True) as updates:
        updates.subscribe(channel(task.task_id))
        updates.get_message(timeout=1)
        time.sleep(PAUSE_S)
        pushed = time.time()
        push(testbed.redis, [task], urls)
        while True:
            message = updates.get_message(timeout=10)
            if message is None:
                raise CommandError(f"No event within 10 s of task {task.task_id}; see {testbed.folder}/log.")
            if message["type"] == "message" and _ended(message["data"]):
                return pushed, time.time()


def _ended(data: bytes) -> bool:
    return Status(json.loads(data)["status"]) is Status.COMPLETED


def _figures(name: str, values: list[float]) -> dict[str, float]:
    return {f"{name}_ms_p50": round(percentile(values, 0.5), 1), f"{name}_ms_p95": round(percentile(values, 0.95), 1)}
