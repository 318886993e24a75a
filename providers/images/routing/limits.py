"""What may be asked of a provider, by all workers together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from schemas.common import Frozen
from schemas.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable


class Limits(Frozen):
    """One provider's limits; None is no limit.

    Attributes:
        rpm: Calls begun in any 60 seconds.
        concurrency: Calls at once.
        daily_usd: US dollars per day (UTC).
    """

    rpm: int | None = Field(default=None, gt=0)
    concurrency: int | None = Field(default=None, gt=0)
    daily_usd: float | None = Field(default=None, ge=0)


def parsed_limits(
    *, rpm: Iterable[str] = (), concurrency: Iterable[str] = (), daily_usd: Iterable[str] = ()
) -> dict[str, Limits]:
    """Limits by provider, of words such as `openai=300`.

    Raises:
        Invalid: A word is none of that form, or its number makes no sense.
    """
    found: dict[str, dict[str, str]] = {}
    for field, words in (("rpm", rpm), ("concurrency", concurrency), ("daily_usd", daily_usd)):
        for word in words:
            name, equals, value = word.partition("=")
            if not (name.strip() and equals):
                raise Invalid(f"a provider's limit is written provider=number, not {word!r}", code="limits")
            found.setdefault(name.strip(), {})[field] = value.strip()
    try:
        return {name: Limits.model_validate(fields) for name, fields in found.items()}
    except ValidationError as error:
        raise Invalid(f"a provider's limit is no sensible number: {error.errors()[0]['msg']}", code="limits") from None
