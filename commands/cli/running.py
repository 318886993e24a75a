"""Run commands with settings and logging, and report their outcome; options that commands share."""

# ruff: noqa: PLC0415  each command imports only its own dependencies, so that --help is fast
from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from commands.outcome import CommandOutcome
    from settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on the last line.")]
Limit = Annotated[int, typer.Option(min=1, max=500, metavar="N", help="Maximum number of rows, 1 to 500.")]


def run(command: Callable[[Settings], CommandOutcome], *, as_json: bool) -> None:
    """Run a command and end with its exit code.

    Raises:
        typer.Exit: Always.
    """
    from commands.outcome import report
    from providers import logs
    from settings import load

    def configured() -> CommandOutcome:
        settings = load()
        # The outcome is printed; log lines below "warning" appear only if LOG_LEVEL is set.
        chosen = settings.log_level if "log_level" in settings.model_fields_set else "warning"
        logs.configure(level=chosen, style=settings.log_format)
        return command(settings)

    raise typer.Exit(report(configured, as_json=as_json))


def run_async(command: Callable[[Settings], Coroutine[Any, Any, CommandOutcome]], *, as_json: bool) -> None:
    """Run a coroutine as a command; see `run`."""
    import asyncio

    run(lambda settings: asyncio.run(command(settings)), as_json=as_json)
