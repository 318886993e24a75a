"""Server-sent events as bytes, written once for all who listen."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.progress import Progress

PING = b": ping\n\n"
#: How long a browser waits before it connects again, milliseconds.
RETRY_MS = 1000
RETRY = f"retry: {RETRY_MS}\n\n".encode()


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a task."""

    event: Progress
    data: bytes

    @property
    def terminal(self) -> bool:
        """Whether nothing follows."""
        return self.event.status.terminal

    def repeats(self, other: Progress) -> bool:
        """Whether `other`, which was sent before, said this or something later."""
        mine = self.event
        return mine.run < other.run or (mine.run == other.run and mine.seq <= other.seq and mine.at <= other.at)


def frame(event: Progress) -> Frame:
    """The event as it goes over the wire: `id`, `event: progress`, `data` with the event as JSON."""
    text = event.model_dump_json(exclude_none=True)
    return Frame(event, f"id: {event_id(event)}\nevent: progress\ndata: {text}\n\n".encode())


def event_id(event: Progress) -> str:
    """`{run}.{seq}`, and `{run}.end` for the last: a terminal event is known again wherever it was read from."""
    return f"{event.run}.end" if event.status.terminal else f"{event.run}.{event.seq}"
