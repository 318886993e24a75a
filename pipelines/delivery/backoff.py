"""Delays between the attempts of a delivery."""

from __future__ import annotations

from pipelines.retrying.retry_policy import Retry, decide
from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import DarkroomError

#: Retries of a chat delivery: after 2, 4 and 8 seconds (contract, delivery).
CHAT_RETRIES = 3
#: A webhook is retried for this long, with a first and a longest delay, each four times the previous one; seconds.
WEBHOOK_FOR_S = 24 * 3600.0
WEBHOOK_FIRST_S = 5.0
WEBHOOK_LONGEST_S = 6 * 3600.0
WEBHOOK_GROWTH = 4


def delay_s(error: DarkroomError, delivery: Delivery) -> float | None:
    """Return the seconds until the next attempt; None if there is none."""
    if not error.retryable:
        return None
    if delivery.channel is DeliveryChannel.WEBHOOK:
        return _webhook_delay_s(error, delivery)
    decision = decide(error, delivery.attempts, max_retries=CHAT_RETRIES)
    return decision.delay_s if isinstance(decision, Retry) else None


def _webhook_delay_s(error: DarkroomError, delivery: Delivery) -> float | None:
    left = WEBHOOK_FOR_S - delivery.age_s
    if left <= 0:
        return None
    pause: float = min(WEBHOOK_FIRST_S * WEBHOOK_GROWTH**delivery.attempts, WEBHOOK_LONGEST_S)
    # The last attempt is made at the end of that time.
    return min(max(pause, error.retry_after or 0.0), left)
