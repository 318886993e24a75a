"""Server-sent events, encoded once for all streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from schemas.progress import Progress

PING = b": ping\n\n"
#: Delay before a browser reconnects, in milliseconds.
RETRY_MS = 1000
RETRY = f"retry: {RETRY_MS}\n\n".encode()


class EventPosition(NamedTuple):
    """The position of an event among those of its task: `seq` restarts if Redis loses its data, `at` does not."""

    run: int
    seq: int
    at: float


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded event of a task."""

    event: Progress
    data: bytes

    @property
    def terminal(self) -> bool:
        """Return whether this is the last event."""
        return self.event.status.terminal

    @property
    def position(self) -> EventPosition:
        """Return the position among the task's events."""
        return EventPosition(self.event.run, self.event.seq, self.event.at)

    def repeats(self, sent: EventPosition) -> bool:
        """Return whether an event at `sent` or later makes this one superfluous."""
        own = self.position
        return own.run < sent.run or (own.run == sent.run and own.seq <= sent.seq and own.at <= sent.at)


def frame(event: Progress) -> Frame:
    """Encode an event: `id`, `event: progress`, and the event as JSON in `data`."""
    text = event.model_dump_json(exclude_none=True)
    return Frame(event, f"id: {event_id(event)}\nevent: progress\ndata: {text}\n\n".encode())


def event_id(event: Progress) -> str:
    """Return `{run}.{seq}`, or `{run}.end` for a terminal event, whether it was read from Redis or the database."""
    return f"{event.run}.end" if event.status.terminal else f"{event.run}.{event.seq}"
