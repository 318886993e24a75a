"""`manage.py cancel`: cancel a queued or running session and refund it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.connections import queue, records, redis_client
from commands.outcome import CommandError, CommandOutcome
from pipelines.control.cancellation import cancel_session
from schemas.common import Product

if TYPE_CHECKING:
    from providers.records.orders import LiveSession
    from schemas.records import JobRow
    from settings import Settings


async def cancel(
    settings: Settings, session_id: str, product: str | None = None, channel: str | None = None
) -> CommandOutcome:
    """Cancel the only session of this id, of `product` and `channel` if they are given.

    Raises:
        CommandError: The session does not exist, has ended, or several products or channels have one of this id.
    """
    chosen = _parse_product(product)
    with queue(settings) as broker:
        async with records(settings) as found, redis_client(settings) as client:
            live = [
                item for item in await found.orders.live_sessions(session_id)
                if chosen in {None, item.product} and channel in {None, item.channel}
            ]  # fmt: skip
            if len(live) > 1:
                raise CommandError(_ambiguity(session_id, live))
            if not live:
                raise CommandError(_refusal(session_id, chosen, await found.jobs_of_session(session_id)))
            settled = await cancel_session(
                live[0].product,
                live[0].channel,
                session_id,
                records=found,
                client=client,
                broker=broker,
                lease_s=settings.lease_s,
            )
            if not settled.moved:
                raise CommandError(_refusal(session_id, chosen, await found.jobs_of_session(session_id)))
    return CommandOutcome(
        {"cancelled": 1, "refunded": settled.refunded},
        f"Cancelled session {session_id}; {settled.refunded} credits refunded.",
    )


def _parse_product(word: str | None) -> Product | None:
    if word is None:
        return None
    if word not in set(Product):
        raise CommandError(f"Unknown product '{word}'; choose one of {', '.join(Product)}.")
    return Product(word)


def _ambiguity(session_id: str, live: list[LiveSession]) -> str:
    products = sorted({item.product.value for item in live})
    if len(products) > 1:
        return f"Several products have a session {session_id}: choose one with --product ({', '.join(products)})."
    channels = ", ".join(sorted(item.channel for item in live))
    return f"Several channels have a session {session_id}: choose one with --channel ({channels})."


def _refusal(session_id: str, product: Product | None, rows: list[JobRow]) -> str:
    ended = [row for row in rows if product in {None, row.product} and row.state.terminal]
    if ended:
        return f"Session {session_id} has ended already ({ended[0].state.value})."
    return f"There is no queued or running session {session_id}{f' of {product}' if product else ''}."
