"""Darkroom's command line. `python manage.py --help` lists the commands."""

# ruff: noqa: PLC0415  each command imports only what it needs, so that --help answers at once
from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    help="Darkroom turns tasks into pictures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


@app.command()
def up(*, as_json: Json = False) -> None:
    """Run everything on this machine until Ctrl-C: servers that are not configured, workers, scheduler."""
    import settings
    from commands.outcome import report
    from commands.up import up as run

    raise typer.Exit(report(lambda: run(settings.load()), as_json=as_json))


if __name__ == "__main__":
    app()
