"""How long this process has reached the database without interruption.

A lease that ran out means that its worker is dead only if the worker could have renewed it. So nothing is taken over,
and nothing ended as stuck, before the database was reached for as long as a lease lasts: after an outage every live
worker has renewed its leases by then.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from schemas.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The longest pause between two calls that still counts as contact, as a share of a lease. A shorter outage leaves
#: every worker time for a renewal.
MAX_GAP = 1 / 3
#: How often the database should be called to stay in contact, as a share of a lease.
INTERVAL = 1 / 6


class DatabaseContact:
    """Notes the calls of one process; for any thread."""

    def __init__(self, lease_s: float, now: Callable[[], float] = time.monotonic) -> None:
        """Start without contact; `now` returns seconds of a monotonic clock."""
        self._lease_s = lease_s
        self._now = now
        self._since: float | None = None
        self._last = 0.0

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Note the outcome of the database call in the block: any `DarkroomError` interrupts the contact."""
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
