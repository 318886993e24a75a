"""Writes that must not be lost: repeated while a service is unavailable, finished before a worker stops.

Costs about 2 µs for a call that succeeds (docs/decisions.md).
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

from pipelines.retrying.stage_context import time_limits_paused
from schemas.errors import Unavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: First and longest delay between attempts, seconds; the delay doubles.
FIRST_DELAY_S, MAX_DELAY_S = 0.25, 2.0
#: Seconds a write may take to finish after its job was cancelled: less than a worker has for requeueing its jobs.
FINISH_S = 2.0


async def retry_while_unavailable(
    operation: Callable[[], Awaitable[T]], *, timeout_s: float = math.inf, give_up_if: Callable[[], bool] = bool
) -> T:
    """Return the result of `operation`, which must be safe to repeat, repeating it while a service is unavailable.

    In a stage this ends when the job is lost, cancelled or requeued, since that cancels the stage. The time limits of
    the stage are paused meanwhile.

    Args:
        operation: Makes one attempt.
        timeout_s: Seconds after which no further attempt is made.
        give_up_if: Called after each failure; true ends the attempts.

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

    Otherwise a worker that stops while it stores a paid picture would discard the picture.

    Raises:
        asyncio.CancelledError: The caller was cancelled, whether or not `work` has finished.
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
