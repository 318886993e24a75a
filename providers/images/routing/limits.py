"""Limits of a provider, for all workers together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from schemas.common import Frozen
from schemas.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable


class Limits(Frozen):
    """Limits of one provider; None is unlimited.

    Attributes:
        rpm: Calls started in any 60 seconds.
        concurrency: Concurrent calls.
        daily_usd: US dollars per day (UTC).
    """

    rpm: int | None = Field(default=None, gt=0)
    concurrency: int | None = Field(default=None, gt=0)
    daily_usd: float | None = Field(default=None, ge=0)


def parse_limits(
    *, rpm: Iterable[str] = (), concurrency: Iterable[str] = (), daily_usd: Iterable[str] = ()
) -> dict[str, Limits]:
    """Return limits by provider, parsed from words such as `openai=300`.

    Raises:
        Invalid: A word has another form, or its number is out of range.
    """
    found: dict[str, dict[str, str]] = {}
    for field, words in (("rpm", rpm), ("concurrency", concurrency), ("daily_usd", daily_usd)):
        for word in words:
            name, equals, value = word.partition("=")
            if not (name.strip() and equals):
                raise Invalid(f"Invalid limit {word!r}; write provider=number, such as openai=300", code="limits")
            found.setdefault(name.strip(), {})[field] = value.strip()
    try:
        return {name: Limits.model_validate(fields) for name, fields in found.items()}
    except ValidationError as error:
        raise Invalid(f"Invalid number in a provider's limit: {error.errors()[0]['msg']}", code="limits") from None
