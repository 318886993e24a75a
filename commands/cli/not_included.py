"""Placeholders for the development commands that container images do not contain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from commands.outcome import CommandOutcome

#: Accept the arguments of the real command, so that the sentence is printed instead of a usage error.
ANY_ARGUMENTS = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add hidden commands to `app` that say why `demo`, `chaos` and `bench` can't run."""
    for name in ("demo", "chaos", "bench"):
        app.command(name, hidden=True, context_settings=ANY_ARGUMENTS)(_refuse)


def _refuse(context: typer.Context) -> None:
    from commands.outcome import CommandError, report  # noqa: PLC0415  keeps --help fast

    def refuse() -> CommandOutcome:
        raise CommandError(
            f"`{context.info_name}` is a development tool that this installation does not include: run it in a clone "
            "of the repository."
        )

    raise typer.Exit(report(refuse, as_json="--json" in context.args))
