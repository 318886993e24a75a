import math
from typing import Any

import pytest

from providers.images.base import GeneratedImage
from providers.images.openai.answer import Answer
from providers.images.replicate.api import Prediction
from providers.images.reported import MAX_COST_USD, MAX_SECONDS, MAX_TOKENS


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("1e999", MAX_TOKENS), ("-1e999", 0), ("99999999999999999999", MAX_TOKENS), ("-5", 0), ("1.5", 1),
        ('"many"', 0), ("null", 0), ("true", 0), ("[1]", 0), ("12", 12),
    ],
)  # fmt: skip
def test_a_wrong_number_of_tokens_does_not_fail_a_paid_picture(text: str, tokens: int) -> None:
    answer = Answer.model_validate_json(
        f'{{"data": [{{"url": "https://a.example"}}], "usage": {{"input_tokens": {text}}}}}'
    )
    assert answer.usage
    assert answer.usage.input_tokens == tokens


@pytest.mark.parametrize(("text", "seconds"), [("1e999", MAX_SECONDS), ("-1", 0), ('"x"', 0), ("2.5", 2.5)])
def test_a_wrong_duration_does_not_fail_a_paid_picture(text: str, seconds: float) -> None:
    metrics = f'{{"id": "p1", "status": "succeeded", "output": [], "metrics": {{"predict_time": {text}}}}}'
    assert Prediction.model_validate_json(metrics).seconds == seconds


@pytest.mark.parametrize("value", [math.inf, math.nan, -math.inf, 1e308, -1, "x", None])
def test_costs_and_tokens_of_any_provider_are_bounded_and_finite(value: Any) -> None:
    image = GeneratedImage(provider="p", model="m", input_tokens=value, output_tokens=value, cost_usd=value)
    assert 0 <= image.input_tokens <= MAX_TOKENS
    assert 0 <= image.output_tokens <= MAX_TOKENS
    assert 0 <= image.cost_usd <= MAX_COST_USD
