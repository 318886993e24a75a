"""What this process works on: whose leases to renew, and whom to stop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from providers.images.base import KEEP_WORK
from schemas.common import StageName


class StopReason(StrEnum):
    """Why work in progress is stopped."""

    ENDED = "ended"
    LOST = "lost"
    SHUTDOWN = "shutdown"
    OVERDUE = "overdue"


#: Who lost the job or leaves need not try on. Who ended it still owes the telling.
ABANDONS = frozenset({StopReason.LOST, StopReason.SHUTDOWN})


@dataclass
class RunningJob:
    """One job in progress.

    Attributes:
        stage: The one that is being worked on.
        seconds: What each stage took that was done.
        since: When that started, seconds of the monotonic clock; infinity while its time limits are paused.
        stop: Why it was told to stop, if it was.
    """

    task_id: str
    token: int
    stage: StageName
    since: float = field(default_factory=time.monotonic)
    stop: StopReason | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    _task: asyncio.Task[object] | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    def enter(self, stage: StageName) -> None:
        """Another stage begins; its time does too."""
        self.since = time.monotonic()
        self.stage = stage

    def attach(self) -> None:
        """Note that the running coroutine does the work.

        Raises:
            asyncio.CancelledError: The work was stopped before.
        """
        if self.stop is not None:
            raise asyncio.CancelledError(_message(self.stop))
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self.stop is not None:
            self.detach()
            raise asyncio.CancelledError(_message(self.stop))

    def detach(self) -> None:
        """Note that the work is done: what follows it is not stopped any more, however late a reason comes."""
        self._task = None

    def halt(self, reason: StopReason) -> None:
        """Stop the work, from any thread; the first reason counts."""
        if self.stop is None:
            self.stop = reason
            loop = self._loop
            if loop is not None:
                # A loop that closes has cancelled the task already.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        # On the loop, where attaching and detaching happen too.
        if self._task is not None and self.stop is not None:
            self._task.cancel(_message(self.stop))


def _message(reason: StopReason) -> str | None:
    # Another worker goes on where this one stops.
    return KEEP_WORK if reason in {StopReason.SHUTDOWN, StopReason.LOST} else None


class RunningJobs:
    """All work in progress of this process; may be used from any thread."""

    def __init__(self) -> None:
        self._work: dict[int, RunningJob] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def track(self, task_id: str, token: int, stage: StageName) -> Iterator[RunningJob]:
        """Keep the job's lease renewed while the block runs."""
        work = RunningJob(task_id, token, stage)
        with self._lock:
            self._work[id(work)] = work
        try:
            yield work
        finally:
            with self._lock:
                del self._work[id(work)]

    def snapshot(self) -> list[RunningJob]:
        """What is in progress now."""
        with self._lock:
            return list(self._work.values())
