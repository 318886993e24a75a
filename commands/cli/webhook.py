"""`manage.py webhook …`."""

# ruff: noqa: PLC0415  each command imports only its own dependencies, so that --help is fast
from __future__ import annotations

from typing import Annotated

import typer

from commands.cli.layout import command, group
from commands.cli.running import Json, run_async

app = group("Manage the webhook that receives the results of an owner.")

Owner = Annotated[str, typer.Argument(help="Id of the shop, shopper or workspace.")]
Address = Annotated[str, typer.Argument(help="https address of the receiver.")]


@command(app, "webhook set shop-1 https://shop.example/darkroom", name="set")
def webhook_set(owner: Owner, url: Address, *, as_json: Json = False) -> None:
    """Set the webhook of an owner and print its secret."""
    from commands.webhooks import webhook_set as run

    run_async(lambda settings: run(settings, owner, url), as_json=as_json)


@command(app, "webhook rotate shop-1", name="rotate")
def webhook_rotate(owner: Owner, *, as_json: Json = False) -> None:
    """Create a new secret; the old one stays valid for a day."""
    from commands.webhooks import webhook_rotate as run

    run_async(lambda settings: run(settings, owner), as_json=as_json)


@command(app, "webhook show shop-1", name="show")
def webhook_show(owner: Owner, *, as_json: Json = False) -> None:
    """Show the webhook of an owner, without its secret."""
    from commands.webhooks import webhook_show as run

    run_async(lambda settings: run(settings, owner), as_json=as_json)


@command(app, "webhook drop shop-1", name="drop")
def webhook_drop(owner: Owner, *, as_json: Json = False) -> None:
    """Delete the webhook of an owner."""
    from commands.webhooks import webhook_drop as run

    run_async(lambda settings: run(settings, owner), as_json=as_json)
