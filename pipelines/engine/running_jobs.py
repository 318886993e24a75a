"""The jobs that this process runs: what its heartbeat names, and how to cancel them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from pipelines.retrying.stage_context import stage_clock
from providers.images.base import KEEP_WORK
from schemas.common import StageName


class StopReason(StrEnum):
    """Why a running job is cancelled in this process."""

    ENDED = "ended"
    LOST = "lost"
    SHUTDOWN = "shutdown"
    OVERDUE = "overdue"


#: Reasons after which another worker runs the job: this process stops retrying, and providers keep their work.
_HANDED_OVER = frozenset({StopReason.LOST, StopReason.SHUTDOWN})


@dataclass
class RunningJob:
    """One job in this process.

    Attributes:
        token: The fencing token of the claim; None until the job is claimed.
        stage: The stage that is running.
        stage_started: When it started, seconds of the monotonic clock; infinity while its time limits are paused.
        stage_seconds: Duration of each finished stage, seconds.
        stop_reason: Why the job was cancelled; None if it was not.
    """

    task_id: str
    stage: StageName
    token: int | None = None
    stage_started: float = field(default_factory=time.monotonic)
    stage_seconds: dict[str, float] = field(default_factory=dict)
    stop_reason: StopReason | None = None
    _task: asyncio.Task[object] | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _pauses: int = 0
    _used_s: float = 0.0

    @property
    def handed_over(self) -> bool:
        """Whether another worker runs the job from now on, so that nothing should be retried here."""
        return self.stop_reason in _HANDED_OVER

    def overdue_s(self, limit_s: float) -> float:
        """Return by how many seconds the stage exceeds `limit_s`; negative if it does not."""
        return time.monotonic() - self.stage_started - limit_s

    def begin_stage(self, stage: StageName) -> None:
        """Note that `stage` begins now."""
        self.stage_started = time.monotonic()
        self.stage = stage

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the hard time limit in the block; blocks may overlap."""
        self._pauses += 1
        if self._pauses == 1:
            self._used_s = time.monotonic() - self.stage_started
            self.stage_started = math.inf
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self.stage_started = time.monotonic() - self._used_s

    def bind_task(self) -> None:
        """Make the current task the one that `cancel` cancels.

        Raises:
            asyncio.CancelledError: The job was cancelled before.
        """
        if self.stop_reason is not None:
            raise asyncio.CancelledError(_cancel_message(self.stop_reason))
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        # `cancel` runs in other threads: it may have missed the task.
        if self.stop_reason is not None:
            self.unbind_task()
            raise asyncio.CancelledError(_cancel_message(self.stop_reason))

    def unbind_task(self) -> None:
        """Protect the task from later calls of `cancel`: its stage has ended."""
        self._task = None

    def cancel(self, reason: StopReason) -> None:
        """Cancel the running stage. Thread-safe; only the first reason counts."""
        if self.stop_reason is None:
            self.stop_reason = reason
            if self._loop is not None:
                # A closed loop has cancelled the task already.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._cancel_task)

    def _cancel_task(self) -> None:
        # On the loop, as binding and unbinding are.
        if self._task is not None and self.stop_reason is not None:
            self._task.cancel(_cancel_message(self.stop_reason))


def _cancel_message(reason: StopReason) -> str | None:
    return KEEP_WORK if reason in _HANDED_OVER else None


class RunningJobs:
    """All jobs of this process. Thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[int, RunningJob] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def track(self, task_id: str, stage: StageName) -> Iterator[RunningJob]:
        """Name the job in heartbeats while the block runs, also while the block repeats a write for long."""
        running_job = RunningJob(task_id, stage)
        clock = stage_clock.set(running_job)
        with self._lock:
            self._jobs[id(running_job)] = running_job
        try:
            yield running_job
        finally:
            stage_clock.reset(clock)
            with self._lock:
                del self._jobs[id(running_job)]

    def snapshot(self) -> list[RunningJob]:
        """Return the jobs that run now."""
        with self._lock:
            return list(self._jobs.values())
