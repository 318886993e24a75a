"""Follows tasks on the public progress channel and shows a bar for each."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from schemas.progress import Progress as Event
from schemas.progress import Status, channel

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis
    from rich.console import Console

    from commands.demo.task import DemoTask

COLOURS = {Status.PENDING: "dim", Status.PROCESSING: "cyan", Status.COMPLETED: "green", Status.FAILED: "red"}


class Watch:
    """Subscribes before the tasks are pushed, so that no event is missed."""

    def __init__(self, client: redis.Redis, tasks: Sequence[DemoTask], console: Console) -> None:
        """Subscribe to the tasks' channels."""
        self._open = {task.task_id for task in tasks}
        self._events: dict[str, list[Event]] = {task.task_id: [] for task in tasks}
        self._bars = _bars(console)
        self._rows: dict[str, TaskID] = {
            task.task_id: self._bars.add_task(task.title, total=100, start=False, message="pushed", colour="dim")
            for task in tasks
        }
        self._pubsub = client.pubsub(ignore_subscribe_messages=True)
        self._pubsub.subscribe(*map(channel, self._open))

    def follow(self, deadline_s: float, *, silence_s: float) -> None:
        """Show events until every task has ended, for `deadline_s` seconds, or until `silence_s` bring none."""
        last = start = time.monotonic()
        with self._bars:
            while self._open and time.monotonic() < min(start + deadline_s, last + silence_s):
                message = self._pubsub.get_message(timeout=1.0)
                if message:
                    last = time.monotonic()
                    self._show(Event.model_validate_json(message["data"]))
        self._pubsub.close()

    def stages_s(self, task_id: str) -> dict[str, float]:
        """Seconds that each stage took, from its first event to the next stage's."""
        spent: dict[str, float] = {}
        events = self._events[task_id]
        staged = [event for event in events if event.stage]
        for event, following in pairwise([*staged, *events[-1:]]):
            name = str(event.stage)
            spent[name] = spent.get(name, 0.0) + following.at - event.at
        return spent

    def _show(self, event: Event) -> None:
        self._events[event.task_id].append(event)
        row = self._rows[event.task_id]
        self._bars.start_task(row)
        message = escape(event.message) if event.status is not Status.FAILED else f"failed: {escape(event.message)}"
        self._bars.update(row, completed=event.progress, message=message, colour=COLOURS[event.status])
        if event.status.terminal:
            self._open.discard(event.task_id)
            self._bars.stop_task(row)


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
