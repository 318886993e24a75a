"""How the provider behaves: how long it takes, and which shares of its calls go wrong."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.common import Frozen

Share = Annotated[float, Field(ge=0, le=1)]
#: A call takes up to this share longer or shorter than `latency_s`.
SPREAD = 0.25


class Fate(StrEnum):
    """What becomes of one call; the misbehaving ones are also the names of their shares."""

    PICTURE = "picture"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    MODERATION = "moderation"
    HANG = "hang"
    EMPTY = "empty"
    REPLY_LOST = "reply_lost"


class Behaviour(Frozen):
    """What calls that come in from now on meet.

    Attributes:
        latency_s: How long a picture takes, seconds.
        rate_limit: The share of calls answered with 429 and `Retry-After: 1`.
        server_error: The share answered with 500.
        moderation: The share refused for their content.
        hang: The share that is never answered; Replicate's predictions never end.
        empty: The share answered with success and no picture.
        reply_lost: The share whose work is done and whose connection breaks before the reply.
    """

    latency_s: Annotated[float, Field(ge=0)] = 0.2
    rate_limit: Share = 0
    server_error: Share = 0
    moderation: Share = 0
    hang: Share = 0
    empty: Share = 0
    reply_lost: Share = 0

    @model_validator(mode="after")
    def _no_more_than_all(self) -> Self:
        if sum(self._shares().values()) > 1 + 1e-9:
            raise ValueError("the shares are more than all calls")
        return self

    def _shares(self) -> dict[Fate, float]:
        return {fate: getattr(self, fate) for fate in Fate if fate is not Fate.PICTURE}

    def fate(self, seed: int, task: str, number: int) -> tuple[Fate, float]:
        """What becomes of the call with this number of this task, and its seconds: the same each time it is asked."""
        chance = random.Random(f"{seed}:{task}:{number}")  # noqa: S311  repeatable is the point
        seconds = self.latency_s * chance.uniform(1 - SPREAD, 1 + SPREAD)
        drawn = chance.random()
        for fate, share in self._shares().items():
            drawn -= share
            if drawn < 0:
                return fate, seconds
        return Fate.PICTURE, seconds
