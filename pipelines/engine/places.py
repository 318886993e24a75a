"""Where the jobs that this process has in hand are, and where there is room for one more."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping


class Places:
    """So many places at each queue; a message in hand takes one, wherever it has been carried. For any thread."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        """Have `limits` places by queue; a queue is only carried to once it is open."""
        self._limits = dict(limits)
        self._open: set[str] = set()
        self._at: dict[str, str] = {}
        self._taken: Counter[str] = Counter()
        self._changed = threading.Condition()

    def open(self, queue: str) -> None:
        """This process works on the queue."""
        with self._changed:
            self._open.add(queue)

    def close(self) -> None:
        """This process is leaving: nothing is carried further."""
        with self._changed:
            self._open.clear()

    def room(self, queue: str) -> int:
        """How many messages of the queue may be taken now."""
        with self._changed:
            return self._room(queue)

    def enter(self, message_id: str, queue: str) -> None:
        """A message of the queue was taken."""
        with self._changed:
            self._at[message_id] = queue
            self._taken[queue] += 1

    def move(self, message_id: str, queue: str) -> bool:
        """Carry a message in hand to another queue's place; false if there is none, or nobody here works on it."""
        with self._changed:
            before = self._at.get(message_id)
            if before is None or queue not in self._open or self._room(queue) <= 0:
                return False
            self._at[message_id] = queue
            self._taken[queue] += 1
            self._free(before)
            return True

    def leave(self, message_id: str) -> None:
        """A message is no longer in hand, if it was."""
        with self._changed:
            before = self._at.pop(message_id, None)
            if before is not None:
                self._free(before)

    def wait_for_room(self, queue: str, timeout_s: float) -> None:
        """Return when the queue has room, or after `timeout_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._room(queue) > 0, timeout_s)

    def _room(self, queue: str) -> int:
        return self._limits.get(queue, 0) - self._taken[queue]

    def _free(self, queue: str) -> None:
        self._taken[queue] -= 1
        if self._room(queue) == 1:
            self._changed.notify_all()
