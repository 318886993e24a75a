"""What follows one delivery of a stage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from pipelines.engine.registry import Work
from schemas.common import StageName
from schemas.job import Job


@dataclass(frozen=True)
class Delivery:
    """One delivery of one stage's message.

    Attributes:
        run: The stage itself, bound to what it needs.
        carried: Whether the stage before it was worked on here, so that no message was taken for it.
    """

    stage: StageName
    job: Job
    message_id: str
    work: Work
    run: Callable[[Job], Awaitable[Job]]
    carried: bool = False


@dataclass(frozen=True)
class Forward:
    """The stage is done: the next one gets `job`."""

    job: Job


@dataclass(frozen=True)
class Again:
    """The same stage once more, after `delay_s` seconds."""

    job: Job
    delay_s: float = 0.0


@dataclass(frozen=True)
class Tell:
    """The job has ended: `notify` tells everybody."""

    job: Job


@dataclass(frozen=True)
class Nothing:
    """Somebody else sees to the job, or its lease will bring it back."""


Step = Forward | Again | Tell | Nothing
Next = Callable[[Delivery], Coroutine[Any, Any, Step]]


class StageMiddleware(Protocol):
    """Wraps every delivery of every stage: what comes before `call_next` is undone, or settled, after it."""

    async def __call__(self, delivery: Delivery, call_next: Next) -> Step:
        """Handle the delivery, usually by awaiting `call_next(delivery)`."""
