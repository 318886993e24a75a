"""Where the jobs that this process has in hand are, and where there is room for one more."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextvars import ContextVar

from schemas.common import StageName

#: Jobs in hand that may keep this process busy before it takes another message. Enough that downloads and uploads
#: overlap; with more, all of them get on slower, and what was begun should be finished first.
MAX_ACTIVE_JOBS = 24

_STAGES = frozenset(StageName)


class SlotPool:
    """So many slots at each queue. A message that was taken has one, then the job that it brought. For any thread.

    No stage message is fetched while `MAX_ACTIVE_JOBS` jobs are active; jobs that wait for a provider don't count.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        """Have `limits` slots by queue; nothing is in_process to a queue before it is open."""
        self._limits = dict(limits)
        self._open: set[str] = set()
        self._closed = False
        self._messages: dict[str, str] = {}
        self._taken: Counter[str] = Counter()
        self._resting = 0
        self._changed = threading.Condition()

    def open(self, queue: str) -> None:
        """This process works on the queue."""
        with self._changed:
            self._open.add(queue)

    def close(self) -> None:
        """This process is leaving: no message is taken and no job in_process further."""
        with self._changed:
            self._closed = True

    @property
    def closed(self) -> bool:
        """Whether this process is leaving."""
        return self._closed

    def room(self, queue: str) -> int:
        """How many messages of the queue may be taken now."""
        with self._changed:
            return self._room(queue)

    def enter(self, message_id: str, queue: str) -> None:
        """A message of the queue was taken."""
        with self._changed:
            self._messages[message_id] = queue
            self._taken[queue] += 1

    def forget(self, message_id: str) -> None:
        """A message was seen to or given back: its slot is free, unless a job has it by now."""
        with self._changed:
            queue = self._messages.pop(message_id, None)
            if queue is not None:
                self._free(queue)

    def take_over(self, message_id: str) -> Slot:
        """The slot of a message that was taken, for the job that it brought.

        Raises:
            KeyError: The message has none.
        """
        with self._changed:
            return Slot(self, self._messages.pop(message_id))

    def wait_for_room(self, queue: str, timeout_s: float) -> None:
        """Return when the queue has room, or after `timeout_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._room(queue) > 0, timeout_s)

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Return when nothing is in hand any more, or after `timeout_s` seconds; whether nothing is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._taken.total(), timeout_s)

    def move(self, before: str, queue: str) -> bool:
        """Give up a slot at one queue for one at another; false if there is none, or nobody here works on it."""
        with self._changed:
            if self._closed or queue not in self._open or self._taken[queue] >= self._limits[queue]:
                return False
            self._taken[queue] += 1
            self._free(before)
            return True

    def leave(self, queue: str) -> None:
        """Give up a slot."""
        with self._changed:
            self._free(queue)

    def rest(self, jobs: int) -> None:
        """So many jobs more rest; fewer where negative."""
        with self._changed:
            self._resting += jobs
            if jobs > 0:
                self._changed.notify_all()

    def _room(self, queue: str) -> int:
        if self._closed:
            return 0
        room = self._limits.get(queue, 0) - self._taken[queue]
        return min(room, MAX_ACTIVE_JOBS + self._resting - self._taken.total()) if queue in _STAGES else room

    def _free(self, queue: str) -> None:
        self._taken[queue] -= 1
        self._changed.notify_all()


class Slot:
    """One job's slot."""

    def __init__(self, slots: SlotPool, queue: str) -> None:
        """A slot at `queue`, taken already."""
        self._places = slots
        self._queue = queue

    def move(self, queue: str) -> bool:
        """Go on to another queue; false if there is no room, or nobody here works on it."""
        moved = self._places.move(self._queue, queue)
        if moved:
            self._queue = queue
        return moved

    def leave(self) -> None:
        """The job is no longer in hand."""
        self._places.leave(self._queue)

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """What runs in the block, in its tasks too, works on this job."""
        token = _current.set(self._places)
        try:
            yield
        finally:
            _current.reset(token)


_current: ContextVar[SlotPool | None] = ContextVar("slots", default=None)


@contextlib.contextmanager
def waiting_on_io() -> Iterator[None]:
    """The job waits in the block for somebody else: meanwhile this process may take another one."""
    slots = _current.get()
    if slots is None:
        yield
        return
    slots.rest(1)
    try:
        yield
    finally:
        slots.rest(-1)
