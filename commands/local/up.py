"""`manage.py up`: run embedded servers, a worker, the scheduler and the HTTP service under a supervisor."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from commands import http_service
from commands.local import programs
from commands.local.embedded import Embedded
from commands.local.process import StartError
from commands.local.supervisor import Supervisor
from commands.outcome import CommandOutcome
from providers.images.provider_set import make_providers
from providers.records.migrate import migrate
from providers.redis_clients import sync_client
from schemas import keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commands.local.process import Command
    from settings import Settings

#: Timeout of the start of worker and HTTP service, and interval of its checks, seconds.
START_S = 60.0
CHECK_S = 0.1


def up(settings: Settings) -> CommandOutcome:
    """Run until SIGINT, SIGTERM or SIGHUP.

    Raises:
        StartError: A program can't be started, or another process owns the data folder.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    off = _products_off(settings)
    if fault := http_service.access_fault(settings):
        raise StartError(fault)
    with Embedded.missing(settings) as embedded:
        if fault := http_service.port_fault(settings):
            raise StartError(fault)
        if embedded.database_url:
            migrate(embedded.database_url, settings.products)
        commands = _commands(settings, embedded)
        with Supervisor(commands, say=console.print) as supervisor:
            _wait_until_ready(settings, embedded, supervisor, stopped)
            if not stopped.is_set():
                for line in _summary(settings, embedded, supervisor, commands, off):
                    console.print(line, markup=False)
            stopped.wait()
            console.print("Stopping.")
    return CommandOutcome({"stopped": True}, "Stopped.")


def _products_off(settings: Settings) -> list[str]:
    """Return a sentence for each product that is off.

    Raises:
        StartError: All products are off.
    """
    made = make_providers(settings)
    asyncio.run(made.aclose())
    off = [reason for product in made.listed if (reason := made.reason_off(product))]
    if not made.served:
        raise StartError(f"No product can be made. {'. '.join(off)}.")
    return off


def _commands(settings: Settings, embedded: Embedded) -> list[Command]:
    networks = ",".join(programs.fetch_networks(settings))
    env = programs.environment(settings, embedded, FETCH_ALLOWED_NETWORKS=networks)
    if settings.log_format == "auto" and sys.stderr.isatty():
        env["LOG_FORMAT"] = "console"
    return [start(settings, env, None) for start in (programs.worker, programs.scheduler, programs.http)]


def _wait_until_ready(settings: Settings, embedded: Embedded, supervisor: Supervisor, stopped: threading.Event) -> None:
    """Wait until a worker takes messages and the HTTP service answers, or until `stopped`.

    Raises:
        StartError: A program ended, or they did not start within `START_S`.
    """
    started = time.time()
    deadline = time.monotonic() + START_S
    url = embedded.redis_url or (settings.redis_url.get_secret_value() if settings.redis_url else "")
    with sync_client(url, max_connections=1) as client:
        while not stopped.wait(CHECK_S):
            if fault := supervisor.fault():
                raise StartError(f"Darkroom can't start: {fault}; the lines above say why.")
            worker = bool(client.zcount(keys.HEARTBEATS, started * 1000, "+inf"))
            # With PORT=0 only the service knows its port.
            if worker and (settings.port == 0 or http_service.health(settings)):
                return
            if time.monotonic() > deadline:
                missing = "the HTTP service does not answer" if worker else "no worker takes messages"
                raise StartError(f"Darkroom did not start within {START_S:.0f} s: {missing}; the lines above say why.")


def _summary(
    settings: Settings,
    embedded: Embedded,
    supervisor: Supervisor,
    commands: Iterable[Command],
    off: Iterable[str],
) -> list[str]:
    address = http_service.local_url(settings)
    servers = (("Valkey", embedded.valkey), ("PostgreSQL", embedded.postgres))
    programs_running = [
        *((name, str(server.pid) if server else "not started: configured elsewhere") for name, server in servers),
        *((command.name, str(supervisor.pid(command.name))) for command in commands),
        ("supervisor", f"{os.getpid()}, restarts programs that end"),
    ]
    urls = {"REDIS_URL": embedded.redis_url, "DATABASE_URL": embedded.database_url}
    exports = [f"export {name}={shlex.quote(url)}" for name, url in urls.items() if url]
    return [
        "",
        "Darkroom is running; Ctrl-C stops it.",
        "",
        f"  HTTP service         {address}",
        f"  API documentation    {address}/docs",
        f"  size recommendation  {address}/estimate-body",
        f"  data                 {settings.data_dir}",
        *(f"  {f'{name}, pid':<20} {pid}" for name, pid in programs_running),
        *(f"  off                  {reason}" for reason in off),
        *(["", "Addresses of the embedded servers, for other programs:", "", *exports] if exports else []),
        "",
        "In another terminal, for example:",
        "",
        f"{_python()} {shlex.quote(_relative(programs.ROOT / 'manage.py'))} status",
        "",
    ]


def _python() -> str:
    return shlex.quote(_relative(Path(sys.executable)))


def _relative(path: Path) -> str:
    """Return `path` relative to the current folder if it lies below it."""
    folder = Path.cwd()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
