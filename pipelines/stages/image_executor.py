"""Where image_executor are worked on: in threads, no more at a time than there are cores."""

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
    """Runs the image functions beside the event loop."""

    def __init__(self, threads: int | None = None) -> None:
        """Use `threads` threads; as many as there are cores unless told otherwise."""
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="image_executor")

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The result of `function`, computed in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, functools.partial(function, *args, **kwargs))

    def close(self) -> None:
        """Let running work finish and start no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
