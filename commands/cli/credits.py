"""`manage.py credits …`."""

# ruff: noqa: PLC0415  each command imports only its own dependencies; named after the command
from __future__ import annotations

from typing import Annotated

import typer

from commands.cli.layout import command, group
from commands.cli.running import Json, run_async

app = group("Show the credits of an owner, or add credits.")

Owner = Annotated[str, typer.Argument(help="Id of the user, or of the store with --store.")]
IsStore = Annotated[bool, typer.Option("--store", help="The owner is a store.")]


@command(app, "credits show anna", "credits show shop-1 --store --json")
def show(owner: Owner, *, store: IsStore = False, as_json: Json = False) -> None:
    """Show the balance of an owner."""
    from commands.credits import credits_show

    run_async(lambda settings: credits_show(settings, owner, store=store), as_json=as_json)


@command(app, "credits add anna 10", 'credits add shop-1 100 --store --reason "Invoice 4711"')
def add(
    owner: Owner,
    amount: Annotated[int, typer.Argument(min=1, max=1_000_000, help="Number of credits, 1 to 1000000.")],
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Description in the ledger.")] = "Added by an operator",
    store: IsStore = False,
    as_json: Json = False,
) -> None:
    """Add credits to the balance of an owner."""
    from commands.credits import credits_add

    run_async(lambda settings: credits_add(settings, owner, amount, reason=reason, store=store), as_json=as_json)
