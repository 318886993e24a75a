"""Waiting for conditions, with limits that only a broken program reaches."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds after which a test gives up: far more than a loaded machine needs for what takes milliseconds on an idle one.
LIMIT_S = 20.0


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = LIMIT_S) -> None:
    """Wait until `condition` holds; fail after `timeout_s` seconds and name what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.02)


async def async_wait_until(condition: Callable[[], object], what: str, timeout_s: float = LIMIT_S) -> None:
    """Do the same without blocking the event loop."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        await asyncio.sleep(0.01)
