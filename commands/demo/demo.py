"""`manage.py demo`: all three products, from a foreign producer's push to a gallery page."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
from rich.console import Console, Group

from commands import programs
from commands.demo import avatar, gallery, images, tryon
from commands.demo.image_host import ImageHost
from commands.demo.pictures import Pictures
from commands.demo.results import collect
from commands.demo.table import failures, table
from commands.demo.watch import Watch
from commands.embedded import Embedded
from commands.embedded.owner import AlreadyOwnedError
from commands.local_supabase import LocalSupabase
from commands.migrate import make_buckets
from commands.outcome import CommandError, Outcome
from commands.supervisor import Supervisor
from providers.records.migrate import migrate
from providers.redis_clients import sync_client
from schemas.common import Product
from schemas.tasks import TASK_LISTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from commands.demo.task import DemoTask, Result
    from settings import Settings

#: Each product's tasks; a new product adds its own module here.
PRODUCERS: tuple[Callable[[psycopg.Connection, ImageHost, Pictures], list[DemoTask]], ...] = (
    tryon.tasks,
    avatar.tasks,
    images.tasks,
)
#: However slow the machine is, the demo ends, seconds.
DEADLINE_S = 240.0
#: When nothing was said for longer, no worker is there, seconds.
SILENCE_S = 60.0
#: Nothing is paid for, and photos come from the image host on this machine.
ENVIRONMENT = {
    "AI_MOCK_MODE": "true",
    "MOCK_LATENCY_S": "1.2",
    "MOCK_FAILURES": "hang=0",
    "FETCH_ALLOWED_NETWORKS": "127.0.0.0/8",
    "LOG_FORMAT": "json",
}


def demo(
    settings: Settings, *, photo: Path | None = None, outfit: Path | None = None, local_supabase: bool = False
) -> Outcome:
    """Run the demo; `photo` and `outfit` are the visitor's own pictures.

    With `local_supabase` records and pictures go through a Supabase on this machine.

    Raises:
        CommandError: One of them can't be opened, or the database is not one that a local Supabase can serve.
        StartError: Something can't be started.
    """
    console = Console(stderr=True)
    folder = settings.data_dir.resolve() / "demo"
    pictures = Pictures(folder / "drawings", photo=photo, outfit=outfit)
    for old in ("results", "inputs"):
        shutil.rmtree(folder / old, ignore_errors=True)
    with ExitStack() as stack:
        console.print("Starting a Valkey, a PostgreSQL, a worker and a scheduler, and drawing the photos…")
        settings, embedded = _own(stack, settings)
        database, redis_url = _prepared(settings, embedded)
        logs = settings.data_dir.resolve() / "log"
        env = programs.environment(settings, embedded, **ENVIRONMENT)
        if local_supabase:
            env |= _through_supabase(stack, embedded, logs / "supabase.log")
        commands = [
            programs.worker(settings, env, logs / "worker.log"),
            programs.scheduler(settings, env, logs / "scheduler.log"),
        ]
        stack.enter_context(Supervisor(commands, say=console.print))
        pictures.draw()
        host = stack.enter_context(ImageHost())
        connection = stack.enter_context(psycopg.connect(database, autocommit=True))
        tasks = [task for produce in PRODUCERS for task in produce(connection, host, pictures)]
        watch, seconds = _run(redis_url, tasks, console)
        results = collect(connection, tasks, watch, storage=settings.data_dir / "storage", gallery=folder)
    page = gallery.write(folder, results, seconds)
    return _outcome(results, page, logs, seconds)


def _own(stack: ExitStack, settings: Settings) -> tuple[Settings, Embedded]:
    try:
        return settings, stack.enter_context(Embedded.missing(settings))
    except AlreadyOwnedError:  # a running `up` does not fetch from this machine: leave it alone, have our own
        settings = settings.model_copy(update={"data_dir": settings.data_dir / "demo" / "own"})
        return settings, stack.enter_context(Embedded.missing(settings))


def _prepared(settings: Settings, embedded: Embedded) -> tuple[str, str]:
    if settings.supabase_url and not settings.database_url:
        raise CommandError("The demo writes its sessions with SQL: set DATABASE_URL, or unset SUPABASE_URL.")
    database = embedded.database_url or (settings.database_url.get_secret_value() if settings.database_url else "")
    redis_url = embedded.redis_url or (settings.redis_url.get_secret_value() if settings.redis_url else "")
    migrate(database)
    return database, redis_url


def _through_supabase(stack: ExitStack, embedded: Embedded, log: Path) -> dict[str, str]:
    if embedded.database_url is None:
        raise CommandError("A local Supabase serves a database of its own: unset DATABASE_URL and SUPABASE_URL.")
    supabase = stack.enter_context(LocalSupabase(embedded.database_url, log))
    asyncio.run(make_buckets(supabase.url, supabase.service_role_key))
    return supabase.environment()


def _run(redis_url: str, tasks: Sequence[DemoTask], console: Console) -> tuple[Watch, float]:
    client = sync_client(redis_url, socket_timeout_s=30.0)
    try:
        watch = Watch(client, tasks, console)
        started = time.monotonic()
        for task in tasks:
            client.lpush(TASK_LISTS[task.product], json.dumps(task.payload))
        watch.follow(DEADLINE_S, silence_s=SILENCE_S)
        return watch, time.monotonic() - started
    finally:
        client.close()


def _outcome(results: Sequence[Result], page: Path, logs: Path, seconds: float) -> Outcome:
    completed = Counter(result.task.product for result in results if result.status == "completed")
    data = {
        "tasks": len(results),
        "completed": completed.total(),
        "failed": sum(result.status == "failed" for result in results),
        "refunded": sum(result.refunded > 0 for result in results),
        "seconds": round(seconds, 2),
        "gallery": str(page),
        "products": {product.value: completed[product] for product in Product},
    }
    ok = all(result.as_meant for result in results)
    closing = (
        f"The gallery: [bold]{page}[/]"
        if ok
        else f"[red]Not every task ended as it was meant to; the logs are in[/] {logs}"
    )
    return Outcome(data, Group(table(results, Console().width), failures(results), "", closing), ok=ok)
