"""`manage.py demo`: run tasks of all three products and write a gallery page."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
from rich.console import Console, Group

from commands.local import programs
from commands.local.embedded import Embedded
from commands.local.embedded.owner import AlreadyOwnedError
from commands.local.picture_host import ImageHost
from commands.local.supervisor import Supervisor
from commands.migrate import make_buckets
from commands.outcome import CommandError, CommandOutcome
from devtools.chaos.provider import CountingProvider
from devtools.demo import avatar, gallery, images, tryon
from devtools.demo.pictures import Pictures
from devtools.demo.results import collect
from devtools.demo.run import run
from devtools.demo.service import Service
from devtools.demo.table import failures, table
from devtools.supabase_emulator import LocalSupabase
from providers.images.registry import MOCK
from providers.records.migrate import migrate
from schemas.common import Product

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from devtools.demo.task import DemoTask, Result
    from settings import Settings

#: Functions that create the tasks of each product; add one per product.
PRODUCERS: tuple[Callable[[psycopg.Connection, ImageHost, Pictures], list[DemoTask]], ...] = (
    tryon.tasks,
    avatar.tasks,
    images.tasks,
)
#: Start of the markers in prompts that make the mock fail.
MARKER = "[mock:"
#: The mock provider costs nothing; pictures come from the picture host on this machine.
ENVIRONMENT = {
    "AI_MOCK_MODE": "true",
    "MOCK_LATENCY_S": "1.2",
    "MOCK_FAILURES": "hang=0",
    "FETCH_ALLOWED_NETWORKS": "127.0.0.0/8",
    "LOG_FORMAT": "json",
}


def demo(
    settings: Settings,
    *,
    photo: Path | None = None,
    outfit: Path | None = None,
    local_supabase: bool = False,
    provider: str | None = None,
) -> CommandOutcome:
    """Run the demo.

    Args:
        settings: Settings of the user.
        photo: Picture to use for every person.
        outfit: Picture to use for every outfit.
        local_supabase: Use a Supabase emulator for records and storage.
        provider: Image provider to use, against an emulation of its API, for the products that it can make.

    Raises:
        CommandError: A picture can't be opened, the database is not embedded although `local_supabase` is set, or the
            HTTP service does not start.
        StartError: A program can't be started.
    """
    console = Console(stderr=True)
    folder = settings.data_dir.resolve() / "demo"
    pictures = Pictures(folder / "drawings", photo=photo, outfit=outfit)
    remove_old(folder, keep=(photo, outfit))
    with ExitStack() as stack:
        console.print("Starting Valkey, PostgreSQL, a worker, the scheduler and the HTTP service; drawing the photos…")
        settings, embedded = _own(stack, settings)
        database, redis_url = _prepared(settings, embedded)
        logs = settings.data_dir.resolve() / "log"
        service = Service()
        env = programs.environment(settings, embedded, **ENVIRONMENT, **service.environment())
        if provider:
            env |= _start_provider(stack, provider, logs / "provider.log")
        if local_supabase:
            env |= _start_supabase(stack, embedded, logs / "supabase.log")
        commands = [
            programs.worker(settings, env, logs / "worker.log"),
            programs.scheduler(settings, env, logs / "scheduler.log"),
            programs.http(settings, env, logs / "http.log"),
        ]
        stack.enter_context(Supervisor(commands, say=console.print))
        pictures.draw()
        host = stack.enter_context(ImageHost())
        connection = stack.enter_context(psycopg.connect(database, autocommit=True))
        tasks = [task for produce in PRODUCERS for task in produce(connection, host, pictures)]
        if provider:  # only the mock mode fails by markers and has a WhatsApp without keys
            tasks = [task for task in tasks if MARKER not in json.dumps(task.payload) and task.channel != "whatsapp"]
        service.wait_ready()
        started = time.monotonic()
        tasks, bars = asyncio.run(run(redis_url, service, tasks, console))
        seconds = time.monotonic() - started
        results = collect(connection, tasks, bars, folder)
    page = gallery.write(folder, results, seconds)
    return _outcome(results, page, logs, seconds)


def remove_old(folder: Path, *, keep: Sequence[Path | None]) -> None:
    """Remove the pictures of an earlier demo from `folder`, except those in `keep`, which are inputs of this one."""
    kept = {path.resolve() for path in keep if path}
    for name in ("results", "inputs"):
        for file in (folder / name).glob("*"):
            if file.resolve() not in kept:
                file.unlink()


def _own(stack: ExitStack, settings: Settings) -> tuple[Settings, Embedded]:
    try:
        return settings, stack.enter_context(Embedded.missing(settings))
    except AlreadyOwnedError:  # leave a running `up` alone and use our own servers
        settings = settings.model_copy(update={"data_dir": settings.data_dir / "demo" / "own"})
        return settings, stack.enter_context(Embedded.missing(settings))


def _prepared(settings: Settings, embedded: Embedded) -> tuple[str, str]:
    if settings.supabase_url and not settings.database_url:
        raise CommandError("The demo writes its sessions with SQL: set DATABASE_URL, or unset SUPABASE_URL.")
    database = embedded.database_url or (settings.database_url.get_secret_value() if settings.database_url else "")
    redis_url = embedded.redis_url or (settings.redis_url.get_secret_value() if settings.redis_url else "")
    migrate(database)
    return database, redis_url


def _start_supabase(stack: ExitStack, embedded: Embedded, log: Path) -> dict[str, str]:
    if embedded.database_url is None:
        raise CommandError("The Supabase emulator needs the embedded database: unset DATABASE_URL and SUPABASE_URL.")
    supabase = stack.enter_context(LocalSupabase(embedded.database_url, log))
    asyncio.run(make_buckets(supabase.url, supabase.service_role_key))
    return supabase.environment()


def _start_provider(stack: ExitStack, provider: str, log: Path) -> dict[str, str]:
    """Start the emulation and return the environment of workers that use `provider`, or else the mock."""
    emulated = stack.enter_context(CountingProvider(log, latency_s=1.2))
    lists = dict.fromkeys((f"{product.upper()}_PROVIDERS" for product in Product), f"{provider},{MOCK}")
    return emulated.environment | lists


def _outcome(results: Sequence[Result], page: Path, logs: Path, seconds: float) -> CommandOutcome:
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
    ok = all(result.as_expected for result in results)
    closing = f"Gallery: [bold]{page}[/]" if ok else f"[red]Not every task ended as expected; the logs are in[/] {logs}"
    return CommandOutcome(data, Group(table(results, Console().width), failures(results), "", closing), ok=ok)
