from __future__ import annotations

import pytest

from providers.images.prices import TokenUsage, price_of, price_table
from schemas.errors import Invalid


def test_tokens_are_priced_by_the_million() -> None:
    price = price_of("gpt-image-1.5", price_table())
    assert price.of_tokens(TokenUsage(text_in=1_000_000)) == 5
    assert price.of_tokens(TokenUsage(text_out=1_000_000)) == 10
    assert price.of_tokens(TokenUsage(image_in=1_000_000)) == 8
    assert price.of_tokens(TokenUsage(image_out=1_000_000)) == 32
    assert price.of_tokens(TokenUsage()) == 0


@pytest.mark.parametrize(
    "model",
    [
        "gpt-image-2",
        "gpt-image-2.5-flare",
        "gpt-image-2.5-sunburst",
        "gpt-image-2.6-flare",
        "gpt-image-2.6-sunburst",
    ],
)
def test_models_from_2_on_have_one_price(model: str) -> None:
    price = price_of(model, price_table())
    assert (price.text_in, price.image_in, price.image_out) == (5, 8, 30)


def test_every_price_names_its_source_and_day() -> None:
    for price in price_table().values():
        assert price.source.startswith("https://")
        assert price.as_of


def test_a_prediction_is_priced_by_picture_and_second() -> None:
    assert price_of("black-forest-labs/flux-1.1-pro", price_table()).of_prediction(9) == 0.04
    table = price_table('{"m": {"per_second_usd": 0.001, "per_image_usd": 0.01, "estimate_usd": 0.02}}')
    assert price_of("m", table).of_prediction(5) == pytest.approx(0.015)


def test_overridden_prices_replace_a_model_and_keep_the_others() -> None:
    table = price_table('{"gpt-image-1.5": {"image_out": 1, "estimate_usd": 0.1}}')
    assert table["gpt-image-1.5"].text_in == 0
    assert table["black-forest-labs/flux-1.1-pro"].per_image_usd == 0.04


@pytest.mark.parametrize("text", ["{", "[]", '{"m": {}}', '{"m": {"estimate_usd": -1}}', '{"m": {"per_hour": 1}}'])
def test_a_malformed_table_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        price_table(text)


def test_a_model_without_a_price_is_refused() -> None:
    with pytest.raises(Invalid):
        price_of("gpt-unknown", price_table())
