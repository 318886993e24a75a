"""Overhead: CPU of everything that runs, per task, with pictures that cost next to nothing."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands import programs
from commands.bench import one_message, photo
from commands.bench.arena import running
from commands.bench.tasks import Task, payload, push, write_tasks
from commands.process import Command
from pipelines.engine.driver import plan_job
from pipelines.engine.parsing import parse
from providers.records.connect import connect
from schemas.common import Product

if TYPE_CHECKING:
    from commands.bench.arena import Arena
    from commands.bench.scale import Scale

WARM_UP, PROCESSES = 20, 2
#: Of the bare kind: they cost so little that it takes many to see it.
MESSAGES = 2000
#: Rows per round trip, as our own intake and dispatcher do it.
ACCEPTED, STARTED = 500, 50
LEASE_S = 600.0
POLL_S = 0.05


def measure(arena: Arena, scale: Scale) -> dict[str, Any]:
    """`cpu_ms_per_task` and, over those of the alternatives, `ratio_to_celery` and `ratio_to_one_message`.

    `cpu_ms` has each program's share, of `ours`, `celery` and `one_message`.
    """
    url = arena.share(photo.tiny_photo(), "overhead")
    found = {
        "ours": _ours(arena, scale.overhead_tasks, [url, url]),
        "celery": _celery(arena, scale.overhead_tasks, [url, url]),
        "one_message": _one_message(arena, [url, url]),
    }
    totals = {name: sum(parts.values()) for name, parts in found.items()}
    return {
        "cpu_ms_per_task": round(totals["ours"], 2),
        "ratio_to_celery": round(totals["ours"] / totals["celery"], 2),
        "ratio_to_one_message": round(totals["ours"] / totals["one_message"], 2),
        "cpu_ms": {name: {part: round(ms, 2) for part, ms in parts.items()} for name, parts in found.items()},
    }


def _ours(arena: Arena, count: int, urls: list[str]) -> dict[str, float]:
    with arena.workers() as worker:
        warm_up = write_tasks(arena.database, WARM_UP, seed="warm-up")
        push(arena.redis, warm_up, urls)
        arena.wait_completed(warm_up)
        tasks = write_tasks(arena.database, count, seed="overhead")
        before = arena.usage(worker=worker.pid)
        push(arena.redis, tasks, urls)
        arena.wait_completed([*warm_up, *tasks])
        return _per_task(arena.usage(worker=worker.pid).since(before), count)


def _celery(arena: Arena, count: int, urls: list[str]) -> dict[str, float]:
    arena.empty()
    options = ("--app", "commands.bench.celery_app", "worker", "--concurrency", str(PROCESSES), "--loglevel", "info")
    command = _program(arena, "celery", options, arena.environment())
    with running(command) as worker:
        worker.wait_ready(lambda: b" ready." in _log(command).read_bytes())
        warm_up = write_tasks(arena.database, WARM_UP, seed="warm-up")
        asyncio.run(_send_to_celery(arena, warm_up, urls))
        arena.wait_completed(warm_up)
        tasks = write_tasks(arena.database, count, seed="overhead")
        before = arena.usage(worker=worker.pid)
        asyncio.run(_send_to_celery(arena, tasks, urls))
        arena.wait_completed([*warm_up, *tasks])
        return _per_task(arena.usage(worker=worker.pid).since(before), count)


async def _send_to_celery(arena: Arena, tasks: list[Task], urls: list[str]) -> None:
    """Put the tasks into the table and start them as we do; then Celery gets one message each."""
    from celery import Celery  # noqa: PLC0415  a development requirement: only this comparison needs it

    records = connect(database_url=arena.database_url, supabase_url=None, supabase_key=None)
    new = [parse(Product.TRYON, json.dumps(payload(task, urls)).encode()) for task in tasks]
    for start in range(0, len(new), ACCEPTED):
        await records.accept(new[start : start + ACCEPTED])
    with Celery("bench", broker=arena.redis_url.replace("unix://", "redis+socket://")) as sender:
        while rows := await records.dispatch(limit=STARTED, max_in_flight=len(tasks), lease_s=LEASE_S):
            for row in rows:
                sender.send_task("everything", [plan_job(row).model_dump(mode="json", exclude_defaults=True)])
    await records.aclose()


def _one_message(arena: Arena, urls: list[str]) -> dict[str, float]:
    arena.empty()
    env = arena.environment() | {one_message.URL: arena.redis_url}
    command = _program(arena, "dramatiq", (one_message.MODULE, "--processes", str(PROCESSES)), env)
    actor = one_message.declare(arena.redis_url)
    waiting = f"dramatiq:{one_message.QUEUE}.msgs"
    with running(command) as worker:
        worker.wait_ready(lambda: _log(command).read_bytes().count(b"ready for action") == PROCESSES)
        (task,) = write_tasks(arena.database, 1, seed="one")
        for messages in (WARM_UP, MESSAGES):
            before = arena.usage(worker=worker.pid)
            for _ in range(messages):
                actor.send(payload(task, urls))
            while arena.redis.hlen(waiting):
                time.sleep(POLL_S)
        return _per_task(arena.usage(worker=worker.pid).since(before), MESSAGES)


def _program(arena: Arena, name: str, options: tuple[str, ...], env: dict[str, str]) -> Command:
    log = arena.folder / "log" / f"{name}.log"
    log.unlink(missing_ok=True)
    script = str(Path(sys.executable).with_name(name))
    return Command(name, (script, *options), programs.ROOT, log, env=env)


def _log(command: Command) -> Path:
    assert command.log  # noqa: S101  `_program` sets it
    return command.log


def _per_task(used_s: dict[str, float], count: int) -> dict[str, float]:
    return {name: seconds * 1000 / count for name, seconds in used_s.items()}
