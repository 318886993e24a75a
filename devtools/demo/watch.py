"""Shows a bar for each task and remembers what was said of it."""

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

    from devtools.demo.task import DemoTask

COLOURS = {Status.PENDING: "dim", Status.PROCESSING: "cyan", Status.COMPLETED: "green", Status.FAILED: "red"}


class Watch:
    """The bars, shown while its context is entered. Tasks are numbered as they were given."""

    def __init__(self, tasks: Sequence[DemoTask], console: Console) -> None:
        """A bar for each of `tasks`."""
        self._events: list[list[Event]] = [[] for _ in tasks]
        self._bars = _bars(console)
        self._rows = [
            self._bars.add_task(task.title, total=100, start=False, message=task.sent_by, colour="dim")
            for task in tasks
        ]

    def __enter__(self) -> Self:
        """Show them."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave them as they are."""
        self._bars.stop()

    def show(self, number: int, event: Event) -> None:
        """Move the bar of a task."""
        self._events[number].append(event)
        row = self._rows[number]
        self._bars.start_task(row)
        message = escape(event.message) if event.status is not Status.FAILED else f"failed: {escape(event.message)}"
        self._bars.update(row, completed=event.progress, message=message, colour=COLOURS[event.status])
        if event.status.terminal:
            self._bars.stop_task(row)

    def stages_s(self, number: int) -> dict[str, float]:
        """Seconds that each stage of a task took, from its first event to the next stage's."""
        spent: dict[str, float] = {}
        events = self._events[number]
        staged = [event for event in events if event.stage]
        for event, following in pairwise([*staged, *events[-1:]]):
            name = str(event.stage)
            spent[name] = spent.get(name, 0.0) + following.at - event.at
        return spent


def _bars(console: Console) -> Progress:
    # Fixed widths: left alone, Rich would give the bars' room to the words on a narrow terminal.
    bar = 14 if console.width < 100 else 28  # noqa: PLR2004  columns of a terminal
    room = console.width - bar - 18
    title = min(32, room * 3 // 5)
    return Progress(
        TextColumn("{task.description}", table_column=_column(title)),
        BarColumn(bar_width=bar, table_column=_column(bar)),
        TaskProgressColumn(table_column=_column(4)),
        TextColumn("[{task.fields[colour]}]{task.fields[message]}", table_column=_column(room - title)),
        TimeElapsedColumn(table_column=_column(7)),
        console=console,
    )


def _column(width: int) -> Column:
    return Column(width=width, no_wrap=True, overflow="ellipsis")
