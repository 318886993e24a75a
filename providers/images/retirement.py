"""Availability and shutdown date of the models in use, for providers whose API reports them.

| provider | reported by its API |
|---|---|
| `openai` | whether the model is offered, and `shutdown_date` once that is announced |
| `replicate` | whether the model, or the version that is set, is offered; its API has no date |
| others | nothing; `model_status` is optional |
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from schemas.common import Frozen

if TYPE_CHECKING:
    from providers.images.base import ImageProvider

#: Fewer days left than this are a warning.
WARNING_DAYS = 90
#: Seconds that one question may take.
ASK_TIMEOUT_S = 10.0


class ModelStatus(Frozen):
    """Status of the model in use, as reported by a provider's API.

    Attributes:
        model: The model, as set.
        setting: The setting that names it, such as `OPENAI_MODEL`.
        available: Whether the provider offers it to us.
        shutdown_date: The day on which it ends; None if none is announced or the API has no dates.
    """

    model: str
    setting: str
    available: bool
    shutdown_date: date | None = None

    def days_left(self, today: date) -> int | None:
        """Days until the model ends, negative afterwards; None if no end is announced."""
        return (self.shutdown_date - today).days if self.shutdown_date else None


@runtime_checkable
class TellsModelStatus(Protocol):
    """Optional part of an image provider whose API reports the status of models."""

    @property
    def name(self) -> str:
        """The provider's name."""

    @property
    def model(self) -> str:
        """The model in use, as set."""

    async def model_status(self) -> ModelStatus | None:
        """Return the status of the model in use, within `ASK_TIMEOUT_S`; None if the API does not report it.

        Raises:
            DarkroomError: The provider did not answer, or refused the key.
        """


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


class Finding(Frozen):
    """A status as a sentence for operators."""

    level: Level
    sentence: str


async def model_status(provider: ImageProvider | TellsModelStatus) -> ModelStatus | None:
    """Return the status of the provider's model; None if its API does not report one.

    Raises:
        DarkroomError: The provider did not answer, or refused the key.
    """
    return await provider.model_status() if isinstance(provider, TellsModelStatus) else None


def today() -> date:
    """Return the current day, UTC."""
    return datetime.now(UTC).date()


def finding(status: ModelStatus, day: date) -> Finding:
    """Return the finding for `day`: a missing or ended model is a fault, an end within `WARNING_DAYS` a warning."""
    model, remedy = status.model, f"name another model in {status.setting}"
    left = status.days_left(day)
    if not status.available:
        return Finding(level=Level.FAULT, sentence=f"{model} is not offered; {remedy}")
    if left is None:
        return Finding(level=Level.OK, sentence=f"{model} is offered, no end announced")
    if left <= 0:
        return Finding(level=Level.FAULT, sentence=f"{model} ended on {status.shutdown_date}; {remedy}")
    if left < WARNING_DAYS:
        sentence = f"{model} ends on {status.shutdown_date}, in {left} days; {remedy} before"
        return Finding(level=Level.WARNING, sentence=sentence)
    return Finding(level=Level.OK, sentence=f"{model} is offered until {status.shutdown_date}")
