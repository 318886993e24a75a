"""When a delivery that failed is tried again."""

from __future__ import annotations

from pipelines.retrying.retry_policy import Retry, decide
from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import DarkroomError

#: Tries after the first in a chat: after 2, 4 and 8 seconds (contract, delivery).
CHAT_RETRIES = 3
#: A webhook is tried for this long, with pauses from the first to the longest, each four times the one before, seconds.
WEBHOOK_FOR_S = 24 * 3600.0
WEBHOOK_FIRST_S = 5.0
WEBHOOK_LONGEST_S = 6 * 3600.0
WEBHOOK_GROWTH = 4


def delay_s(error: DarkroomError, delivery: Delivery) -> float | None:
    """Seconds until the next try; None if there is none."""
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
    # The last try comes when the day is over, whatever the pause would have been.
    return min(max(pause, error.retry_after or 0.0), left)
