"""Slots for jobs: how many this process runs at each queue, and when it may fetch another message."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping

from pipelines.retrying.stage_context import idle_counter
from schemas.common import StageName

#: Jobs that may be active in this process before it fetches another message. Enough for downloads and uploads to
#: overlap; more would only slow all of them down, and jobs that have begun should finish first.
MAX_ACTIVE_JOBS = 24

_STAGES = frozenset(StageName)


class SlotPool:
    """Concurrency slots per queue. A fetched message holds a slot until its job takes it over. Thread-safe.

    No stage message is fetched while `MAX_ACTIVE_JOBS` jobs are active; jobs that wait for a provider don't count.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        """Create `limits` slots by queue; a queue's slots can be used once it is open."""
        self._limits = dict(limits)
        self._open: set[str] = set()
        self._closed = False
        self._messages: dict[str, str] = {}
        self._used: Counter[str] = Counter()
        self._idle = 0
        self._changed = threading.Condition()

    def open(self, queue: str) -> None:
        """Let this process run jobs at `queue`."""
        with self._changed:
            self._open.add(queue)

    def close(self) -> None:
        """Stop fetching messages and transferring jobs: the process is stopping."""
        with self._changed:
            self._closed = True

    @property
    def closed(self) -> bool:
        """Whether this process is stopping."""
        return self._closed

    def free_slots(self, queue: str) -> int:
        """Return how many messages of `queue` may be fetched now; zero or less if none."""
        with self._changed:
            return self._free_slots(queue)

    def reserve(self, message_id: str, queue: str) -> None:
        """Reserve a slot at `queue` for a fetched message."""
        with self._changed:
            self._messages[message_id] = queue
            self._used[queue] += 1

    def release(self, message_id: str) -> None:
        """Free the slot of a message that was acknowledged or requeued, unless its job has claimed the slot."""
        with self._changed:
            queue = self._messages.pop(message_id, None)
            if queue is not None:
                self._free(queue)

    def claim(self, message_id: str) -> Slot:
        """Return the slot of a fetched message, for its job.

        Raises:
            KeyError: The message has no slot.
        """
        with self._changed:
            return Slot(self, self._messages.pop(message_id))

    def wait_for_slot(self, queue: str, timeout_s: float) -> None:
        """Return when `queue` has a free slot, or after `timeout_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._free_slots(queue) > 0, timeout_s)

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` seconds until no slot is used; return whether none is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._used.total(), timeout_s)

    def transfer(self, source: str, target: str) -> bool:
        """Exchange a slot at queue `source` for one at `target`; return False if `target` has none in this process."""
        with self._changed:
            if self._closed or target not in self._open or self._used[target] >= self._limits[target]:
                return False
            self._used[target] += 1
            self._free(source)
            return True

    def release_job(self, queue: str) -> None:
        """Free the slot of a job at `queue`."""
        with self._changed:
            self._free(queue)

    def adjust_idle(self, jobs: int) -> None:
        """Change the number of jobs waiting on a provider by `jobs`, which may be negative."""
        with self._changed:
            self._idle += jobs
            if jobs > 0:
                self._changed.notify_all()

    def _free_slots(self, queue: str) -> int:
        if self._closed:
            return 0
        free = self._limits.get(queue, 0) - self._used[queue]
        return min(free, MAX_ACTIVE_JOBS + self._idle - self._used.total()) if queue in _STAGES else free

    def _free(self, queue: str) -> None:
        self._used[queue] -= 1
        self._changed.notify_all()


class Slot:
    """The slot of one job."""

    def __init__(self, pool: SlotPool, queue: str) -> None:
        """Represent a slot at `queue` that is in use already."""
        self._pool = pool
        self._queue = queue

    def transfer(self, queue: str) -> bool:
        """Move on to another queue; return False if that has no free slot in this process."""
        transferred = self._pool.transfer(self._queue, queue)
        if transferred:
            self._queue = queue
        return transferred

    def release(self) -> None:
        """Free the slot."""
        self._pool.release_job(self._queue)

    @contextlib.contextmanager
    def bind(self) -> Iterator[None]:
        """Let the code in the block, and the tasks it starts, report that the job waits on I/O."""
        token = idle_counter.set(self._pool)
        try:
            yield
        finally:
            idle_counter.reset(token)
