"""`manage.py session …`."""

# ruff: noqa: PLC0415  each command imports only its own dependencies, so that --help is fast
from __future__ import annotations

from typing import Annotated

import typer

from commands.cli.layout import command, group
from commands.cli.running import Json, run_async

app = group("Create sessions.")


@app.callback()
def session() -> None:
    """Keep `new` a subcommand: Typer drops the name of an only command."""


@command(app, "session new --user anna", "session new --workspace studio-1 --json")
def new(
    *,
    user: Annotated[str | None, typer.Option(metavar="ID", help="Owner of a try-on: a shopper.")] = None,
    store: Annotated[str | None, typer.Option(metavar="ID", help="Owner of a try-on: a shop.")] = None,
    workspace: Annotated[str | None, typer.Option(metavar="ID", help="Owner of product pictures: a workspace.")] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="Id of the session; random by default.")] = None,
    as_json: Json = False,
) -> None:
    """Create a queued session free of charge and print the ids for its task."""
    from commands.new_session import new_session

    owners = {"user_id": user, "store_id": store, "workspace_id": workspace}
    named = {name: value for name, value in owners.items() if value}
    if len(named) != 1:
        raise typer.BadParameter("give one owner: --user, --store or --workspace")
    ((owner_name, owner_id),) = named.items()
    run_async(lambda settings: new_session(settings, owner_name, owner_id, session_id=session), as_json=as_json)
