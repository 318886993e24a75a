"""Thread pool for image functions, with one thread per core."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class ImageExecutor:
    """Runs blocking image functions in threads, outside the event loop."""

    def __init__(self, threads: int | None = None) -> None:
        """Start at most `threads` threads; by default one per core."""
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="image_executor")

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function` in a thread and return its result."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, functools.partial(function, *args, **kwargs))

    def close(self) -> None:
        """Cancel queued calls; running calls finish."""
        self._pool.shutdown(wait=False, cancel_futures=True)
