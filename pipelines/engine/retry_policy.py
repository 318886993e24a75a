"""What happens after an error: decided here and nowhere else (contract, failures)."""

from __future__ import annotations

import random
from dataclasses import dataclass

from schemas.errors import DarkroomError, RateLimited, Unavailable

#: Tries after the first when somebody limits our rate, and the seconds between them.
RATE_LIMIT_RETRIES = 3
RATE_LIMIT_DELAY_S = 10.0
RATE_LIMIT_MAX_DELAY_S = 120.0
#: Seconds before the first retry of a transient failure; doubled each time.
BACKOFF_S = 2.0
#: Up to this share more, so that those who failed together don't return together.
JITTER = 0.25


#: Seconds until a stage is tried again that found one of our own services unavailable before it had paid for anything.
UNAVAILABLE_DELAY_S = 2.0

#: Said by the router when no call was made at all: coming back later uses up no try.
UNCOUNTED = frozenset({"provider_busy", "budget_exhausted"})


@dataclass(frozen=True)
class Retry:
    """Try the stage again after `delay_s` seconds; `counted` if that uses up one of its tries."""

    delay_s: float
    counted: bool = True


@dataclass(frozen=True)
class GiveUp:
    """The error is the outcome."""


def decide(error: DarkroomError, attempt: int, *, max_retries: int) -> Retry | GiveUp:
    """What to do about `error` in attempt number `attempt`, counted from 0.

    A service of ours that is unavailable uses up no try: `middleware.retries` bounds how long that goes on. Rate limits
    wait what the other side asks for; anything else transient backs off 2, 4, 8 s with jitter.
    """
    if not error.retryable:
        return GiveUp()
    if isinstance(error, Unavailable) or error.error_code in UNCOUNTED:
        delay_s = UNAVAILABLE_DELAY_S * _jitter() if isinstance(error, Unavailable) else RATE_LIMIT_DELAY_S
        return Retry(error.retry_after or delay_s, counted=False)
    if isinstance(error, RateLimited):
        if attempt >= RATE_LIMIT_RETRIES:
            return GiveUp()
        wanted = RATE_LIMIT_DELAY_S if error.retry_after is None else error.retry_after
        return Retry(min(max(wanted, 0.0), RATE_LIMIT_MAX_DELAY_S))
    if attempt >= max_retries:
        return GiveUp()
    return Retry(BACKOFF_S * 2**attempt * _jitter())


def _jitter() -> float:
    return random.uniform(1.0, 1.0 + JITTER)  # noqa: S311  spreads load, guards nothing
