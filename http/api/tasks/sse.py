"""Server-sent events as bytes, written once for all who listen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from schemas.progress import Progress

PING = b": ping\n\n"
#: How long a browser waits before it connects again, milliseconds.
RETRY_MS = 1000
RETRY = f"retry: {RETRY_MS}\n\n".encode()


class EventPosition(NamedTuple):
    """What orders the events of a task: `seq` starts again where Redis was emptied, `at` does not."""

    run: int
    seq: int
    at: float


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a task."""

    event: Progress
    data: bytes

    @property
    def terminal(self) -> bool:
        """Whether nothing follows."""
        return self.event.status.terminal

    @property
    def place(self) -> EventPosition:
        """Where it stands among the task's events."""
        return EventPosition(self.event.run, self.event.seq, self.event.at)

    def repeats(self, sent: EventPosition) -> bool:
        """Whether what was sent before said this or something later."""
        mine = self.place
        return mine.run < sent.run or (mine.run == sent.run and mine.seq <= sent.seq and mine.at <= sent.at)


def frame(event: Progress) -> Frame:
    """The event as it goes over the wire: `id`, `event: progress`, `data` with the event as JSON."""
    text = event.model_dump_json(exclude_none=True)
    return Frame(event, f"id: {event_id(event)}\nevent: progress\ndata: {text}\n\n".encode())


def event_id(event: Progress) -> str:
    """`{run}.{seq}`, and `{run}.end` for the last: a terminal event is known again wherever it was read from."""
    return f"{event.run}.end" if event.status.terminal else f"{event.run}.{event.seq}"
