"""What follows one run of a stage."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.job import Job


@dataclass(frozen=True)
class Advance:
    """The stage has succeeded: the next one gets `job`."""

    job: Job


@dataclass(frozen=True)
class RetryStage:
    """The same stage runs again after `delay_s` seconds."""

    job: Job
    delay_s: float = 0.0


@dataclass(frozen=True)
class NotifyOutcome:
    """The job has failed: only `notify` is left."""

    job: Job


@dataclass(frozen=True)
class Drop:
    """Nothing to do: another worker owns the job, or the job will be recovered."""


StageOutcome = Advance | RetryStage | NotifyOutcome | Drop
