"""Prices of models. Each provider's folder has them in `prices.json`; PROVIDER_PRICES overrides entries.

Each entry names its source and the day on which it was read. OpenAI charges less for cached input tokens, but the usage
of its image calls does not report them, so all tokens count at the full price.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, TypeAdapter, ValidationError

from schemas.common import Frozen
from schemas.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_MILLION = 1_000_000


class TokenUsage(Frozen):
    """Tokens of one call, as counted by the provider."""

    text_in: int = Field(0, ge=0)
    text_out: int = Field(0, ge=0)
    image_in: int = Field(0, ge=0)
    image_out: int = Field(0, ge=0)


class Price(Frozen):
    """Price of a model.

    Attributes:
        text_in, text_out, image_in, image_out: US dollars per million tokens.
        per_image_usd: US dollars per picture, with the first megapixel of its inputs.
        per_input_mp_usd: US dollars per further megapixel of the inputs.
        per_output_mp_usd: US dollars per megapixel of the picture.
        per_second_usd: US dollars per second of prediction.
        estimate_usd: Estimated cost of a picture, US dollars: reserved in budgets, used where usage is not reported.
        source: Page with the prices.
        as_of: Day on which the page was read.
    """

    text_in: float = Field(0, ge=0)
    text_out: float = Field(0, ge=0)
    image_in: float = Field(0, ge=0)
    image_out: float = Field(0, ge=0)
    per_image_usd: float = Field(0, ge=0)
    per_input_mp_usd: float = Field(0, ge=0)
    per_output_mp_usd: float = Field(0, ge=0)
    per_second_usd: float = Field(0, ge=0)
    estimate_usd: float = Field(gt=0)
    source: str = ""
    as_of: date | None = None

    def of_tokens(self, tokens: TokenUsage) -> float:
        """Return the cost of the tokens, US dollars."""
        return (
            tokens.text_in * self.text_in
            + tokens.text_out * self.text_out
            + tokens.image_in * self.image_in
            + tokens.image_out * self.image_out
        ) / _MILLION

    def of_prediction(self, seconds: float) -> float:
        """Return the cost of a picture predicted in `seconds`, US dollars."""
        return self.per_image_usd + seconds * self.per_second_usd

    def of_megapixels(self, inputs: int, output: int) -> float:
        """Return the cost of a picture of `output` megapixels that was made from inputs of `inputs` megapixels."""
        further = max(0, inputs - 1)
        return self.per_image_usd + further * self.per_input_mp_usd + output * self.per_output_mp_usd


_TABLE = TypeAdapter(dict[str, Price])


def price_table(overrides: str | None = None) -> dict[str, Price]:
    """Return prices by model.

    Args:
        overrides: JSON object of the same form; its models replace built-in ones.

    Raises:
        Invalid: `overrides` has another form.
    """
    built_in: dict[str, Price] = {}
    for file in sorted(Path(__file__).parent.glob("*/prices.json")):
        built_in |= _TABLE.validate_json(file.read_bytes())
    try:
        return built_in | _TABLE.validate_json(overrides or "{}")
    except ValidationError as error:
        raise Invalid(f"PROVIDER_PRICES has {error.error_count()} invalid values", code="prices") from error


def price_of(model: str, table: Mapping[str, Price]) -> Price:
    """Return the price of a model.

    Raises:
        Invalid: The table has no price; a model of unknown cost is not used.
    """
    try:
        return table[model]
    except KeyError:
        raise Invalid(f"Missing price of the model {model!r}; add it to PROVIDER_PRICES", code="prices") from None
