"""What follows one run of a stage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from pipelines.engine.running_jobs import RunningJob
from schemas.common import StageName
from schemas.job import Job


@dataclass(frozen=True)
class StageRun:
    """One run of one stage's message.

    Attributes:
        function: The stage itself, bound to what it needs.
        in_process: Whether the stage before it was worked on here, so that no message was taken for it.
    """

    stage: StageName
    job: Job
    message_id: str
    work: RunningJob
    function: Callable[[Job], Awaitable[Job]]
    in_process: bool = False


@dataclass(frozen=True)
class Advance:
    """The stage is done: the next one gets `job`."""

    job: Job


@dataclass(frozen=True)
class RetryStage:
    """The same stage once more, after `delay_s` seconds."""

    job: Job
    delay_s: float = 0.0


@dataclass(frozen=True)
class NotifyOutcome:
    """The job has ended: `notify` tells everybody."""

    job: Job


@dataclass(frozen=True)
class Drop:
    """Somebody else sees to the job, or its lease will bring it back."""


StageOutcome = Advance | RetryStage | NotifyOutcome | Drop
Next = Callable[[StageRun], Coroutine[Any, Any, StageOutcome]]


class StageMiddleware(Protocol):
    """Wraps every run of every stage: what comes before `call_next` is undone, or settled, after it."""

    async def __call__(self, run: StageRun, call_next: Next) -> StageOutcome:
        """Handle the run, usually by awaiting `call_next(run)`."""
