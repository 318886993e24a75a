"""`manage.py credits`: show and change balances in the application's own tables."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from commands.connections import records
from commands.outcome import CommandError, CommandOutcome
from providers.records.operators import Grant

if TYPE_CHECKING:
    from settings import Settings

REFUSALS = {
    Grant.UNKNOWN_ID: "This database has no {kind} {owner_id}, or its ids are UUIDs.",
    Grant.NO_TYPE: "The ledger of this database calls additions by an unknown word: add the credits there.",
}


async def credits_show(settings: Settings, owner_id: str, *, store: bool) -> CommandOutcome:
    """Show the balance of an owner.

    Raises:
        CommandError: The owner has no balance.
    """
    kind = _kind(store=store)
    async with records(settings) as found:
        credits = await found.operators.credits(_channel(store=store), owner_id)  # noqa: A001  the field's word
    if credits is None:
        remedy = f"`python manage.py credits add {owner_id} AMOUNT{' --store' if store else ''}` adds some"
        raise CommandError(f"The {kind} {owner_id} has no credits; {remedy}.")
    data = {"owner_id": owner_id, "kind": kind, **credits.model_dump(exclude_none=True)}
    totals = ", ".join(f"{name.removeprefix('total_')} {data[name]}" for name in data if name.startswith("total_"))
    return CommandOutcome(data, f"The {kind} {owner_id} has {credits.balance} credits ({totals}).")


async def credits_add(settings: Settings, owner_id: str, amount: int, *, reason: str, store: bool) -> CommandOutcome:
    """Add credits to the balance of an owner, with a row in the application's own ledger.

    Raises:
        CommandError: The owner does not exist, or the ledger refuses the row.
    """
    kind = _kind(store=store)
    async with records(settings) as found:
        granted = await found.operators.add_credits(
            _channel(store=store), owner_id, amount, request_id=f"req_{uuid.uuid4().hex}", reason=reason
        )
    if granted.outcome in REFUSALS:
        raise CommandError(REFUSALS[granted.outcome].format(kind=kind, owner_id=owner_id))
    data = {"owner_id": owner_id, "kind": kind, "added": amount, "balance": granted.balance}
    return CommandOutcome(data, f"Added {amount} credits; the {kind} {owner_id} has {granted.balance} now.")


def _kind(*, store: bool) -> str:
    return "store" if store else "user"


def _channel(*, store: bool) -> str:
    return "b2b" if store else "b2c"
