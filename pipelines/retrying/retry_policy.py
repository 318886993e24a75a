"""The retry policy: which errors are retried, how often, and after how long (contract, failures)."""

from __future__ import annotations

import random
from dataclasses import dataclass

from schemas.errors import DarkroomError, RateLimited, Unavailable

#: Retries after the first attempt was rate limited; their delay unless the error names one, and the longest, seconds.
RATE_LIMIT_RETRIES = 3
RATE_LIMIT_DELAY_S = 10.0
RATE_LIMIT_MAX_DELAY_S = 120.0
#: Seconds before the first retry of a transient failure; doubled for each further one.
BACKOFF_S = 2.0
#: Largest random increase of a delay, as a share of it: jobs that failed together should not retry together.
JITTER = 0.25
#: Seconds before a stage is retried that found one of our own services unavailable.
UNAVAILABLE_DELAY_S = 2.0

#: Error codes of the router that mean that no call was made: such a retry uses up no attempt.
UNCOUNTED = frozenset({"provider_busy", "budget_exhausted"})


@dataclass(frozen=True)
class Retry:
    """Run the stage again after `delay_s` seconds; `counted` if that uses up one of its attempts."""

    delay_s: float
    counted: bool = True


@dataclass(frozen=True)
class GiveUp:
    """The error is final."""


def decide(error: DarkroomError, attempt: int, *, max_retries: int) -> Retry | GiveUp:
    """Return whether `error` in attempt number `attempt` (counted from 0) is retried.

    An unavailable service of ours uses up no attempt: `middleware.retries` limits the total wait. Rate limits
    wait as long as the error asks for; any other transient error backs off 2, 4, 8 s with jitter.
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
