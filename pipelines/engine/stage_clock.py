"""The time limits of the stage that is running: both stand still while it repeats a write to a service of ours.

A limit is for the work of a stage. A picture that was paid for is not given up because the database was away for long.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.engine.running_jobs import RunningJob


class StageClock:
    """Pauses the soft limit, an `asyncio.Timeout`, and the hard one, which counts from `RunningJob.since`."""

    def __init__(self, work: RunningJob, soft_limit: asyncio.Timeout) -> None:
        """Control `soft_limit`, which the caller has entered, and the start time of `work`."""
        self._work = work
        self._soft_limit = soft_limit
        self._pauses = 0
        self._used_s = 0.0
        self._left_s = math.inf

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Make this the clock of the code in the block, and of the tasks it starts."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock in the block; blocks may overlap."""
        self._pauses += 1
        if self._pauses == 1:
            self._pause()
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._resume()

    def _pause(self) -> None:
        self._used_s = time.monotonic() - self._work.since
        self._work.since = math.inf
        until = self._soft_limit.when()
        if until is not None and not self._soft_limit.expired():
            self._left_s = until - asyncio.get_running_loop().time()
            self._soft_limit.reschedule(None)

    def _resume(self) -> None:
        self._work.since = time.monotonic() - self._used_s
        if self._left_s < math.inf and not self._soft_limit.expired():
            self._soft_limit.reschedule(asyncio.get_running_loop().time() + self._left_s)


_current: ContextVar[StageClock | None] = ContextVar("stage_clock", default=None)


@contextlib.contextmanager
def time_limits_paused() -> Iterator[None]:
    """Stop the clock of the running stage in the block, if there is one."""
    clock = _current.get()
    with clock.paused() if clock else contextlib.nullcontext():
        yield
