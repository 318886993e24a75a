"""Reports from the code of a running stage to the engine: that it waits, and that its time limits are paused.

The engine sets both context variables when it starts a job and a stage; the tasks that a stage starts inherit them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Protocol


class IdleCounter(Protocol):
    """Counts the jobs of this process that wait on I/O."""

    def adjust_idle(self, jobs: int) -> None:
        """Change the number of waiting jobs by `jobs`, which may be negative."""


class PausableClock(Protocol):
    """Measures the time limits of one stage, or only the hard one of a job between its stages."""

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """Return a context manager that stops the clock."""


idle_counter: ContextVar[IdleCounter | None] = ContextVar("idle_counter", default=None)
stage_clock: ContextVar[PausableClock | None] = ContextVar("stage_clock", default=None)


@contextlib.contextmanager
def waiting_on_io() -> Iterator[None]:
    """Let this process fetch another job while the block waits on I/O, usually for a provider."""
    counter = idle_counter.get()
    if counter is None:
        yield
        return
    counter.adjust_idle(1)
    try:
        yield
    finally:
        counter.adjust_idle(-1)


@contextlib.contextmanager
def time_limits_paused() -> Iterator[None]:
    """Stop the time limits of the running stage in the block; outside a stage, do nothing."""
    clock = stage_clock.get()
    with clock.paused() if clock else contextlib.nullcontext():
        yield
