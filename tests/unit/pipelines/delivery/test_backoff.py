from __future__ import annotations

import pytest

from pipelines.delivery.backoff import delay_s
from schemas.delivery import DeliveryChannel
from schemas.errors import Invalid, RateLimited, Transient
from tests.contracts.a_delivery import a_delivery

DAY_S = 86_400


@pytest.mark.parametrize(("attempts", "least"), [(0, 2), (1, 4), (2, 8)])
def test_a_chat_is_tried_again_after_two_four_and_eight_seconds(attempts: int, least: float) -> None:
    delay = delay_s(Transient(), a_delivery(DeliveryChannel.WEB, attempts=attempts))
    assert delay is not None
    assert least <= delay <= least * 1.25


def test_a_chat_is_given_up_after_the_third_retry() -> None:
    assert delay_s(Transient(), a_delivery(DeliveryChannel.WEB, attempts=3)) is None


@pytest.mark.parametrize("channel", list(DeliveryChannel))
def test_what_cannot_pass_is_given_up_at_once(channel: DeliveryChannel) -> None:
    assert delay_s(Invalid(), a_delivery(channel)) is None


def test_a_rate_limit_waits_what_it_asks_for() -> None:
    assert delay_s(RateLimited(retry_after=33), a_delivery(DeliveryChannel.WHATSAPP)) == 33
    assert delay_s(RateLimited(), a_delivery(DeliveryChannel.WHATSAPP)) == 10


def test_a_webhook_is_tried_for_a_day_with_growing_pauses() -> None:
    age = 0.0
    pauses: list[float] = []
    while (
        delay := delay_s(Transient(), a_delivery(DeliveryChannel.WEBHOOK, attempts=len(pauses), age_s=age))
    ) is not None:
        pauses.append(delay)
        age += delay
    assert age == DAY_S
    assert pauses[:5] == [5, 20, 80, 320, 1280]
    assert max(pauses) == 6 * 3600
    assert 8 <= len(pauses) <= 16


def test_a_webhook_that_asks_for_more_time_gets_it() -> None:
    assert delay_s(RateLimited(retry_after=600), a_delivery(DeliveryChannel.WEBHOOK)) == 600
