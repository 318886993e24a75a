from __future__ import annotations

import pytest

from pipelines.delivery.backoff import delay_s
from schemas.delivery import DeliveryChannel
from schemas.errors import Invalid, RateLimited, Transient
from tests.contracts.sample_delivery import sample_delivery

DAY_S = 86_400


@pytest.mark.parametrize(("attempts", "least"), [(0, 2), (1, 4), (2, 8)])
def test_a_chat_delivery_is_retried_after_two_four_and_eight_seconds(attempts: int, least: float) -> None:
    delay = delay_s(Transient(), sample_delivery(DeliveryChannel.WEB, attempts=attempts))
    assert delay is not None
    assert least <= delay <= least * 1.25


def test_a_chat_delivery_is_given_up_after_the_third_retry() -> None:
    assert delay_s(Transient(), sample_delivery(DeliveryChannel.WEB, attempts=3)) is None


@pytest.mark.parametrize("channel", list(DeliveryChannel))
def test_an_error_that_is_not_retryable_is_given_up_at_once(channel: DeliveryChannel) -> None:
    assert delay_s(Invalid(), sample_delivery(channel)) is None


def test_a_rate_limit_waits_for_its_retry_after() -> None:
    assert delay_s(RateLimited(retry_after=33), sample_delivery(DeliveryChannel.WHATSAPP)) == 33
    assert delay_s(RateLimited(), sample_delivery(DeliveryChannel.WHATSAPP)) == 10


def test_a_webhook_is_retried_for_a_day_with_growing_delays() -> None:
    age = 0.0
    delays: list[float] = []
    while (
        delay := delay_s(Transient(), sample_delivery(DeliveryChannel.WEBHOOK, attempts=len(delays), age_s=age))
    ) is not None:
        delays.append(delay)
        age += delay
    assert age == DAY_S
    assert delays[:5] == [5, 20, 80, 320, 1280]
    assert max(delays) == 6 * 3600
    assert 8 <= len(delays) <= 16


def test_a_webhook_waits_for_a_retry_after_longer_than_its_delay() -> None:
    assert delay_s(RateLimited(retry_after=600), sample_delivery(DeliveryChannel.WEBHOOK)) == 600
