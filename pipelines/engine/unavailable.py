"""Writes of what was paid for: repeated while a service of ours is unavailable, finished before a worker leaves."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

from pipelines.engine.stage_clock import time_limits_paused
from schemas.errors import Unavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds before the first repetition and at most; the delay doubles.
FIRST_DELAY_S, MAX_DELAY_S = 0.25, 2.0
#: Seconds that a write may take to finish after its job was stopped: less than a worker has for handing back.
FINISH_S = 2.0


async def retry_while_unavailable(
    operation: Callable[[], Awaitable[T]], *, timeout_s: float = math.inf, give_up_if: Callable[[], bool] = bool
) -> T:
    """Return the result of `operation`, which must be safe to repeat, repeating it while a service is unavailable.

    In a stage this ends when the job is lost, cancelled or handed back, since that cancels the stage; the time limits
    of the stage don't count meanwhile.

    Args:
        operation: What to do.
        timeout_s: Seconds after which no further attempt is made.
        give_up_if: Asked after each failure; true ends the attempts.

    Raises:
        Unavailable: The service was unavailable for longer than `timeout_s`, or `give_up_if` returned true.
    """
    deadline = time.monotonic() + timeout_s
    delay_s = FIRST_DELAY_S
    with time_limits_paused():
        while True:
            try:
                return await operation()
            except Unavailable as error:
                if give_up_if() or time.monotonic() > deadline:
                    raise
                if delay_s == FIRST_DELAY_S:
                    log.warning("waiting_for_service", code=error.error_code, error=str(error))
            await asyncio.sleep(delay_s * random.uniform(0.7, 1.0))  # noqa: S311  spreads load, guards nothing
            delay_s = min(2 * delay_s, MAX_DELAY_S)


async def finish_when_cancelled(work: Coroutine[Any, Any, T], *, grace_s: float = FINISH_S) -> T:
    """Return the result of `work`; when the caller is cancelled, let it finish within `grace_s` seconds first.

    A worker that is asked to leave while it stores a picture would otherwise throw it away half a write too early.

    Raises:
        asyncio.CancelledError: The caller was cancelled, whether or not the work could be finished.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait([task], timeout=grace_s)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        raise
