from __future__ import annotations

import pytest

from pipelines.retrying.retry_policy import GiveUp, Retry, decide
from schemas.errors import (
    Ambiguous,
    DarkroomError,
    InputRefused,
    Invalid,
    RateLimited,
    Rejected,
    TimedOut,
    Transient,
    Unavailable,
)


@pytest.mark.parametrize("error", [Rejected(), Invalid(), InputRefused(), TimedOut(), DarkroomError()])
def test_permanent_errors_are_never_retried(error: DarkroomError) -> None:
    assert decide(error, 0, max_retries=3) == GiveUp()


@pytest.mark.parametrize("error", [Transient(), Ambiguous()])
def test_transient_errors_back_off_2_4_8_seconds_with_jitter(error: DarkroomError) -> None:
    for attempt, base in enumerate((2, 4, 8)):
        decision = decide(error, attempt, max_retries=3)
        assert isinstance(decision, Retry)
        assert base <= decision.delay_s <= base * 1.25
    assert decide(error, 3, max_retries=3) == GiveUp()


def test_jobs_that_failed_together_are_not_retried_together() -> None:
    delays = {decide(Transient(), 0, max_retries=3) for _ in range(20)}
    assert len(delays) > 1


@pytest.mark.parametrize(("asked", "waits"), [(None, 10), (0, 0), (7.5, 7.5), (120, 120), (3600, 120), (-5, 0)])
def test_a_rate_limit_waits_for_its_bounded_retry_after(asked: float | None, waits: float) -> None:
    assert decide(RateLimited(retry_after=asked), 0, max_retries=0) == Retry(waits)


def test_a_rate_limit_gets_three_more_attempts_regardless_of_the_setting() -> None:
    assert isinstance(decide(RateLimited(), 2, max_retries=0), Retry)
    assert decide(RateLimited(), 3, max_retries=9) == GiveUp()


@pytest.mark.parametrize("code", ["provider_busy", "budget_exhausted"])
def test_a_call_that_was_never_made_uses_up_no_attempt(code: str) -> None:
    assert decide(RateLimited(code=code, retry_after=3_000), 50, max_retries=0) == Retry(3_000, counted=False)


def test_an_unavailable_service_of_ours_uses_up_no_attempt() -> None:
    decision = decide(Unavailable(), 50, max_retries=0)
    assert isinstance(decision, Retry)
    assert not decision.counted
