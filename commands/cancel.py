"""`manage.py cancel`: cancel a queued or running session and refund it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.connections import queue, records, redis_client
from commands.outcome import CommandError, CommandOutcome
from pipelines.control.cancellation import cancel_session
from pipelines.engine.claims import MessageClaims
from schemas.common import Product

if TYPE_CHECKING:
    from schemas.records import JobRow
    from settings import Settings


async def cancel(settings: Settings, session_id: str, product: str | None = None) -> CommandOutcome:
    """Cancel the session of `product`, or of the only product with a session of this id.

    Raises:
        CommandError: The session does not exist, has ended, or several products have a session of this id.
    """
    chosen = _parse_product(product)
    with queue(settings) as broker:
        async with records(settings) as found, redis_client(settings) as client:
            live = await found.orders.live_products(session_id)
            if chosen is None and len(live) > 1:
                names = ", ".join(sorted(live))
                raise CommandError(
                    f"Several products have a session {session_id}: choose one with --product ({names})."
                )
            if not live or chosen not in {None, *live}:
                raise CommandError(_refusal(session_id, chosen, await found.jobs_of_session(session_id)))
            settled = await cancel_session(
                chosen or live[0],
                session_id,
                records=found,
                claims=MessageClaims(client),
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


def _refusal(session_id: str, product: Product | None, rows: list[JobRow]) -> str:
    ended = [row for row in rows if product in {None, row.product} and row.state.terminal]
    if ended:
        return f"Session {session_id} has ended already ({ended[0].state.value})."
    return f"There is no queued or running session {session_id}{f' of {product}' if product else ''}."
