"""Overhead: CPU of all processes per task, with pictures that cost almost nothing."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.local import programs
from commands.local.process import Command
from devtools.bench import one_message, photo
from devtools.bench.tasks import BenchTask, payload, push, write_tasks
from devtools.bench.testbed import running
from pipelines.control.payloads import parse
from pipelines.engine.planning import plan_job
from providers.records.connect import connect
from schemas.common import Product

if TYPE_CHECKING:
    from devtools.bench.scale import Scale
    from devtools.bench.testbed import BenchTestbed

WARM_UP, PROCESSES = 20, 2
#: Number of bare messages; each costs so little that only many are measurable.
MESSAGES = 2000
#: Rows per round trip, as in our ingest and dispatcher.
ACCEPTED, DISPATCHED = 500, 50
LEASE_S = 600.0
POLL_S = 0.05


def measure(testbed: BenchTestbed, scale: Scale) -> dict[str, Any]:
    """Return `cpu_ms_per_task`, and its ratios to the alternatives, `ratio_to_celery` and `ratio_to_one_message`.

    `cpu_ms` has the share of each program, for `ours`, `celery` and `one_message`.
    """
    url = testbed.share(photo.tiny_photo(), "overhead")
    found = {
        "ours": _ours(testbed, scale.overhead_tasks, [url, url]),
        "celery": _celery(testbed, scale.overhead_tasks, [url, url]),
        "one_message": _one_message(testbed, [url, url]),
    }
    totals = {name: sum(parts.values()) for name, parts in found.items()}
    return {
        "cpu_ms_per_task": round(totals["ours"], 2),
        "ratio_to_celery": round(totals["ours"] / totals["celery"], 2),
        "ratio_to_one_message": round(totals["ours"] / totals["one_message"], 2),
        "cpu_ms": {name: {part: round(ms, 2) for part, ms in parts.items()} for name, parts in found.items()},
    }


def _ours(testbed: BenchTestbed, count: int, urls: list[str]) -> dict[str, float]:
    with testbed.workers() as worker:
        warm_up = write_tasks(testbed.database, WARM_UP, seed="warm-up")
        push(testbed.redis, warm_up, urls)
        testbed.wait_completed(warm_up)
        tasks = write_tasks(testbed.database, count, seed="overhead")
        before = testbed.usage(worker=worker.pid)
        push(testbed.redis, tasks, urls)
        testbed.wait_completed([*warm_up, *tasks])
        return _per_task(testbed.usage(worker=worker.pid).since(before), count)


def _celery(testbed: BenchTestbed, count: int, urls: list[str]) -> dict[str, float]:
    testbed.empty()
    options = ("--app", "devtools.bench.celery_app", "worker", "--concurrency", str(PROCESSES), "--loglevel", "info")
    command = _program(testbed, "celery", options, testbed.environment())
    with running(command) as worker:
        worker.wait_ready(lambda: b" ready." in _log(command).read_bytes())
        warm_up = write_tasks(testbed.database, WARM_UP, seed="warm-up")
        asyncio.run(_send_to_celery(testbed, warm_up, urls))
        testbed.wait_completed(warm_up)
        tasks = write_tasks(testbed.database, count, seed="overhead")
        before = testbed.usage(worker=worker.pid)
        asyncio.run(_send_to_celery(testbed, tasks, urls))
        testbed.wait_completed([*warm_up, *tasks])
        return _per_task(testbed.usage(worker=worker.pid).since(before), count)


async def _send_to_celery(testbed: BenchTestbed, tasks: list[BenchTask], urls: list[str]) -> None:
    """Insert and dispatch the tasks as our workers do, then send one Celery message per task."""
    from celery import Celery  # noqa: PLC0415  a development requirement: only this comparison needs it

    records = connect(database_url=testbed.database_url, supabase_url=None, supabase_key=None)
    new = [parse(Product.TRYON, json.dumps(payload(task, urls)).encode()) for task in tasks]
    for start in range(0, len(new), ACCEPTED):
        await records.accept(new[start : start + ACCEPTED])
    with Celery("bench", broker=testbed.redis_url.replace("unix://", "redis+socket://")) as sender:
        while rows := await records.dispatch(limit=DISPATCHED, max_in_flight=len(tasks), lease_s=LEASE_S):
            for row in rows:
                sender.send_task("everything", [plan_job(row).model_dump(mode="json", exclude_defaults=True)])
    await records.aclose()


def _one_message(testbed: BenchTestbed, urls: list[str]) -> dict[str, float]:
    testbed.empty()
    env = testbed.environment() | {one_message.URL: testbed.redis_url}
    command = _program(testbed, "dramatiq", (one_message.MODULE, "--processes", str(PROCESSES)), env)
    actor = one_message.declare(testbed.redis_url)
    waiting = f"dramatiq:{one_message.QUEUE}.msgs"
    with running(command) as worker:
        worker.wait_ready(lambda: _log(command).read_bytes().count(b"ready for action") == PROCESSES)
        (task,) = write_tasks(testbed.database, 1, seed="one")
        for messages in (WARM_UP, MESSAGES):
            before = testbed.usage(worker=worker.pid)
            for _ in range(messages):
                actor.send(payload(task, urls))
            while testbed.redis.hlen(waiting):
                time.sleep(POLL_S)
        return _per_task(testbed.usage(worker=worker.pid).since(before), MESSAGES)


def _program(testbed: BenchTestbed, name: str, options: tuple[str, ...], env: dict[str, str]) -> Command:
    log = testbed.folder / "log" / f"{name}.log"
    log.unlink(missing_ok=True)
    script = str(Path(sys.executable).with_name(name))
    return Command(name, (script, *options), programs.ROOT, log, env=env)


def _log(command: Command) -> Path:
    assert command.log  # noqa: S101  set by `_program`
    return command.log


def _per_task(used_s: dict[str, float], count: int) -> dict[str, float]:
    return {name: seconds * 1000 / count for name, seconds in used_s.items()}
