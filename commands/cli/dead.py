"""`manage.py dead …`."""

# ruff: noqa: PLC0415  each command imports only its own dependencies, so that --help is fast
from __future__ import annotations

from typing import Annotated

import typer

from commands.cli.layout import command, group
from commands.cli.running import Json, Limit, run_async

app = group("List, show, replay or drop dead letters: payloads that were refused.")

Letter = Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the dead letter in `dead list`.")]


@command(app, "dead list", "dead list --limit 5 --json", name="list")
def dead_list(limit: Limit = 50, *, as_json: Json = False) -> None:
    """Show the newest dead letters."""
    from commands.dead import dead_list as run

    run_async(lambda settings: run(settings, limit=limit), as_json=as_json)


@command(app, "dead show 7", name="show")
def dead_show(letter: Letter, *, as_json: Json = False) -> None:
    """Show one dead letter with its original payload."""
    from commands.dead import dead_show as run

    run_async(lambda settings: run(settings, letter), as_json=as_json)


@command(app, "dead replay 7", "dead replay 5f0c3a52-8a0e-4f60-9d3e-6f1f2a7f0b11", name="replay")
def dead_replay(
    what: Annotated[
        str, typer.Argument(metavar="NUMBER|TASK", help="Id of a failed task; otherwise the number of a dead letter.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Push a dead letter again, or charge and run a failed task again."""
    from commands.dead import dead_replay as run

    run_async(lambda settings: run(settings, what), as_json=as_json)


@command(app, "dead drop 7", name="drop")
def dead_drop(
    letter: Letter,
    *,
    force: Annotated[bool, typer.Option("--force", help="Drop a refund that is still owed; it is never paid.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a dead letter; one of a refused refund only with --force."""
    from commands.dead import dead_drop as run

    run_async(lambda settings: run(settings, letter, force=force), as_json=as_json)
