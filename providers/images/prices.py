"""What providers charge. The table is data, `prices.json` beside this file, and settings lay their own over it.

Each entry names its source and the day on which it was read. OpenAI also has a lower price for cached input tokens, but
the usage that its image calls report does not tell which tokens were cached, so all are counted at the full price.
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


class Tokens(Frozen):
    """What one call used, as counted by the provider."""

    text_in: int = Field(0, ge=0)
    text_out: int = Field(0, ge=0)
    image_in: int = Field(0, ge=0)
    image_out: int = Field(0, ge=0)


class Price(Frozen):
    """What one model costs.

    Attributes:
        text_in, text_out, image_in, image_out: US dollars per million tokens.
        per_image_usd: US dollars per picture.
        per_second_usd: US dollars per second of prediction.
        estimate_usd: About what one picture costs: reserved in budgets, and charged where the provider counts nothing.
        source: The page that the prices are from.
        as_of: The day on which the page said so.
    """

    text_in: float = Field(0, ge=0)
    text_out: float = Field(0, ge=0)
    image_in: float = Field(0, ge=0)
    image_out: float = Field(0, ge=0)
    per_image_usd: float = Field(0, ge=0)
    per_second_usd: float = Field(0, ge=0)
    estimate_usd: float = Field(gt=0)
    source: str = ""
    as_of: date | None = None

    def of_tokens(self, tokens: Tokens) -> float:
        """US dollars for that many tokens."""
        return (
            tokens.text_in * self.text_in
            + tokens.text_out * self.text_out
            + tokens.image_in * self.image_in
            + tokens.image_out * self.image_out
        ) / _MILLION

    def of_prediction(self, seconds: float) -> float:
        """US dollars for one picture that took that many seconds to predict."""
        return self.per_image_usd + seconds * self.per_second_usd


_TABLE = TypeAdapter(dict[str, Price])


def price_table(overrides: str | None = None) -> dict[str, Price]:
    """Prices by model.

    Args:
        overrides: A JSON object of the same form; a model in it replaces the built-in one.

    Raises:
        Invalid: `overrides` is not of that form.
    """
    built_in = _TABLE.validate_json(Path(__file__).with_suffix(".json").read_bytes())
    try:
        return built_in | _TABLE.validate_json(overrides or "{}")
    except ValidationError as error:
        raise Invalid(f"the price table has {error.error_count()} faults", code="prices") from error


def price_of(model: str, table: Mapping[str, Price]) -> Price:
    """The price of a model.

    Raises:
        Invalid: It is not in the table: what costs an unknown amount is not bought.
    """
    try:
        return table[model]
    except KeyError:
        raise Invalid(f"there is no price for the model {model!r}", code="prices") from None
