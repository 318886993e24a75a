"""Measures how long this process has reached the database without interruption.

An expired lease means that its worker has died only if the worker could have renewed it. So no job is recovered, and no
session ended as stuck, before the database was reached for a full lease: after an outage every live worker has renewed
its lease by then.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from schemas.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Longest pause between two calls that counts as contact, as a share of a lease. A shorter outage leaves every worker
#: time for a renewal.
MAX_GAP = 1 / 3
#: Interval of calls that keeps up the contact, as a share of a lease.
INTERVAL = 1 / 6


class DatabaseContact:
    """Records the database calls of one process. Thread-safe."""

    def __init__(self, lease_s: float, now: Callable[[], float] = time.monotonic) -> None:
        """Start without contact.

        Args:
            lease_s: Duration of a lease, seconds.
            now: Returns seconds of a monotonic clock.
        """
        self._lease_s = lease_s
        self._now = now
        self._since: float | None = None
        self._last = 0.0

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Record the result of the database call in the block: a `DarkroomError` interrupts the contact."""
        try:
            yield
        except DarkroomError:
            self._since = None
            raise
        now = self._now()
        if self._since is None or now - self._last > self._lease_s * MAX_GAP:
            self._since = now
        self._last = now

    @property
    def lasts_a_lease(self) -> bool:
        """Whether the last call succeeded and contact has lasted for a full lease."""
        return self._since is not None and self._last - self._since >= self._lease_s
