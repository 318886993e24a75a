"""Delays between the attempts of a delivery."""

from __future__ import annotations

from pipelines.retrying.retry_policy import Retry, decide
from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import DarkroomError

#: Retries of a delivery to a chat: after 2, 4 and 8 seconds.
CHAT_RETRIES = 3
#: A webhook is retried during this window, in seconds; each delay is `WEBHOOK_GROWTH` times the previous one.
WEBHOOK_RETRY_WINDOW_S = 24 * 3600.0
WEBHOOK_FIRST_DELAY_S = 5.0
WEBHOOK_MAX_DELAY_S = 6 * 3600.0
WEBHOOK_GROWTH = 4


def delay_s(error: DarkroomError, delivery: Delivery) -> float | None:
    """Return the seconds until the next attempt, or None to give up."""
    if not error.retryable:
        return None
    if delivery.channel is DeliveryChannel.WEBHOOK:
        return _webhook_delay_s(error, delivery)
    decision = decide(error, delivery.attempts, max_retries=CHAT_RETRIES)
    return decision.delay_s if isinstance(decision, Retry) else None


def _webhook_delay_s(error: DarkroomError, delivery: Delivery) -> float | None:
    left = WEBHOOK_RETRY_WINDOW_S - delivery.age_s
    if left <= 0:
        return None
    delay: float = min(WEBHOOK_FIRST_DELAY_S * WEBHOOK_GROWTH**delivery.attempts, WEBHOOK_MAX_DELAY_S)
    # The last attempt is at the end of the window, even if its delay would be longer.
    return min(max(delay, error.retry_after or 0.0), left)
