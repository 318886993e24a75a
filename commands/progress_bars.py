"""Progress bars of tasks in the terminal, and the time that each stage took."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Self

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from schemas.progress import Progress as Event
from schemas.progress import Status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rich.console import Console

COLOURS = {Status.PENDING: "dim", Status.PROCESSING: "cyan", Status.COMPLETED: "green", Status.FAILED: "red"}
CANCELLED_COLOUR = "yellow"


class ProgressBars:
    """Context manager that shows one bar per task. Tasks are numbered in the order given, from 0."""

    def __init__(self, tasks: Sequence[tuple[str, str]], console: Console) -> None:
        """Add a bar for each of `tasks`: its title, and the message shown until its first event."""
        self._events: list[list[Event]] = [[] for _ in tasks]
        self._bars = _make_bars(console)
        self._rows = [
            self._bars.add_task(title, total=100, start=False, message=message, colour="dim")
            for title, message in tasks
        ]

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing; the bars stay on the screen."""
        self._bars.stop()

    def show(self, number: int, event: Event) -> None:
        """Show the event on the bar of task `number`."""
        self._events[number].append(event)
        row = self._rows[number]
        self._bars.start_task(row)
        message, colour = _described(event)
        self._bars.update(row, completed=event.progress, message=message, colour=colour)
        if event.status.terminal:
            self._bars.stop_task(row)

    def stages_s(self, number: int) -> dict[str, float]:
        """Return the seconds that each stage of task `number` took, from its first event to the next stage's."""
        spent: dict[str, float] = {}
        events = self._events[number]
        staged = [event for event in events if event.stage]
        for event, following in pairwise([*staged, *events[-1:]]):
            name = str(event.stage)
            spent[name] = spent.get(name, 0.0) + following.at - event.at
        return spent


def _described(event: Event) -> tuple[str, str]:
    """Return the message and the colour of an event."""
    message = escape(event.message)
    if event.cancelled:
        return ("cancelled" if message.lower() == "cancelled" else f"cancelled: {message}"), CANCELLED_COLOUR
    return f"failed: {message}" if event.status is Status.FAILED else message, COLOURS[event.status]


def _make_bars(console: Console) -> Progress:
    # Fixed widths: by default Rich shrinks the bars in favour of the text on a narrow terminal.
    bar = 14 if console.width < 100 else 28  # noqa: PLR2004  columns of a terminal
    text = console.width - bar - 18
    title = min(32, text * 3 // 5)
    return Progress(
        TextColumn("{task.description}", table_column=_column(title)),
        BarColumn(bar_width=bar, table_column=_column(bar)),
        TaskProgressColumn(table_column=_column(4)),
        TextColumn("[{task.fields[colour]}]{task.fields[message]}", table_column=_column(text - title)),
        TimeElapsedColumn(table_column=_column(7)),
        console=console,
    )


def _column(width: int) -> Column:
    return Column(width=width, no_wrap=True, overflow="ellipsis")
