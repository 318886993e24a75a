"""Writes that must not get lost because the database was away for a moment: a picture was paid for by now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from schemas.errors import Unavailable

T = TypeVar("T")

#: Seconds a write is tried again in place; shorter than a lease, so that nobody has taken the job over meanwhile.
PATIENCE_S = 10.0
#: Seconds between tries.
RETRY_S = 0.5


async def insist(
    write: Callable[[], Awaitable[T]], *, patience_s: float = PATIENCE_S, unless: Callable[[], bool] = bool
) -> T:
    """The result of `write`, which may be repeated, tried again while its service is away.

    Raises:
        Unavailable: It was away for longer than `patience_s` seconds, or `unless` says that it is wanted no longer.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return await write()
        except Unavailable:
            if unless() or time.monotonic() > deadline:
                raise
            await asyncio.sleep(RETRY_S)
