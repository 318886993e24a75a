"""`manage.py up`: everything on one machine, under one supervisor, until it is stopped."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from commands import programs
from commands.embedded import Embedded
from commands.outcome import Outcome
from commands.supervisor import Supervisor
from providers.records.migrate import migrate

if TYPE_CHECKING:
    from commands.process import Command
    from settings import Settings


def up(settings: Settings) -> Outcome:
    """Run until SIGINT, SIGTERM, or the end of the terminal.

    Raises:
        StartError: Something can't be started, or another process owns the data folder.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    console = Console(stderr=True)
    with Embedded.missing(settings) as embedded:
        if embedded.database_url:
            migrate(embedded.database_url)
        commands = _commands(settings, embedded)
        with Supervisor(commands, say=console.print) as supervisor:
            console.print(_what_runs(settings, embedded, supervisor, commands))
            stopped.wait()
            console.print("Stopping.")
    return Outcome({"stopped": True}, "Stopped.")


def _commands(settings: Settings, embedded: Embedded) -> list[Command]:
    env = programs.environment(settings, embedded)
    if settings.log_format == "auto" and sys.stderr.isatty():
        env["LOG_FORMAT"] = "console"
    return [start(settings, env, None) for start in (programs.worker, programs.scheduler, programs.http)]


def _what_runs(settings: Settings, embedded: Embedded, supervisor: Supervisor, commands: list[Command]) -> Table:
    table = Table("part", "pid", "where", title="Darkroom is running; Ctrl-C stops it", title_justify="left")
    for name, server, url in (
        ("Valkey", embedded.valkey, embedded.redis_url),
        ("PostgreSQL", embedded.postgres, embedded.database_url),
    ):
        table.add_row(name, str(server.pid) if server else "", url or "as configured")
    for command in commands:
        table.add_row(
            command.name, str(supervisor.pid(command.name)), " ".join((Path(command.argv[0]).name, *command.argv[1:]))
        )
    address = f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
    for name, path in (("address", ""), ("its description", "/docs"), ("size recommendation", "/estimate-body")):
        table.add_row(name, "", address + path)
    table.add_row("data", "", str(settings.data_dir.resolve()))
    table.add_row("supervisor", str(os.getpid()), "starts again what dies")
    return table
