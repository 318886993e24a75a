"""Behaviour of the provider: latency, and shares of failing calls."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.common import Frozen

Share = Annotated[float, Field(ge=0, le=1)]
#: Maximum deviation from `latency_s`, as a share of it.
SPREAD = 0.25


class Fate(StrEnum):
    """Result of a call; all but `PICTURE` are also the names of their shares."""

    PICTURE = "picture"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    MODERATION = "moderation"
    HANG = "hang"
    EMPTY = "empty"
    REPLY_LOST = "reply_lost"


class Behaviour(Frozen):
    """Behaviour for new calls.

    Attributes:
        latency_s: Duration of a generation, seconds.
        rate_limit: Share of calls answered with 429 and `Retry-After: 1`.
        server_error: Share answered with 500.
        moderation: Share refused for their content.
        hang: Share that is never answered; Replicate's predictions never end.
        empty: Share that succeeds without a picture.
        reply_lost: Share that is executed but whose connection is closed before the response.
    """

    latency_s: Annotated[float, Field(ge=0)] = 0.2
    rate_limit: Share = 0
    server_error: Share = 0
    moderation: Share = 0
    hang: Share = 0
    empty: Share = 0
    reply_lost: Share = 0

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        if sum(self._shares().values()) > 1 + 1e-9:
            raise ValueError("the sum of all shares must not exceed 1")
        return self

    def _shares(self) -> dict[Fate, float]:
        return {fate: getattr(self, fate) for fate in Fate if fate is not Fate.PICTURE}

    def fate(self, seed: int, task: str, number: int) -> tuple[Fate, float]:
        """Return the result and the duration (seconds) of a task's `number`-th call; deterministic."""
        generator = random.Random(f"{seed}:{task}:{number}")  # noqa: S311  not for security: a seed repeats the run
        seconds = self.latency_s * generator.uniform(1 - SPREAD, 1 + SPREAD)
        drawn = generator.random()
        for fate, share in self._shares().items():
            drawn -= share
            if drawn < 0:
                return fate, seconds
        return Fate.PICTURE, seconds
