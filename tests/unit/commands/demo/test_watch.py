from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from commands.demo.task import DemoTask
from commands.demo.watch import Watch
from schemas.common import Product, StageName
from schemas.progress import Progress, Status


class Channel:
    """Redis' side of a subscription, with what is published already waiting."""

    def __init__(self, events: list[Progress]) -> None:
        self.events = events
        self.channels: list[str] = []

    def pubsub(self, **_: Any) -> Channel:
        return self

    def subscribe(self, *channels: str) -> None:
        self.channels += channels

    def get_message(self, timeout: float) -> dict[str, str] | None:  # noqa: ARG002  redis-py's signature
        return {"data": self.events.pop(0).model_dump_json()} if self.events else None

    def close(self) -> None:
        self.channels.clear()


def event(status: Status, progress: int, at: float, stage: StageName | None = None) -> Progress:
    return Progress(status=status, progress=progress, message="[x] now", task_id="t", stage=stage, at=at)


@pytest.fixture
def task() -> DemoTask:
    return DemoTask(Product.TRYON, "t", "s", "A", "b2c", {}, (), "p", 1)


def watch(task: DemoTask, events: list[Progress]) -> Watch:
    channel: Any = Channel(events)
    watching = Watch(channel, [task], Console(quiet=True))
    assert channel.channels == ["task_updates:t"]
    watching.follow(5, silence_s=0.2)
    return watching


def test_seconds_per_stage_are_counted_from_event_to_event(task: DemoTask) -> None:
    watching = watch(
        task,
        [
            event(Status.PENDING, 0, 10.0),
            event(Status.PROCESSING, 5, 10.5, StageName.FETCH),
            event(Status.PROCESSING, 30, 11.0, StageName.GENERATE),
            event(Status.PROCESSING, 40, 12.0, StageName.GENERATE),
            event(Status.COMPLETED, 100, 14.0, StageName.UPLOAD),
        ],
    )
    assert watching.stages_s("t") == {"fetch": 0.5, "generate": 3.0, "upload": 0.0}


def test_a_failure_ends_the_stage_it_happened_in(task: DemoTask) -> None:
    events = [event(Status.PROCESSING, 5, 1.0, StageName.FETCH), event(Status.FAILED, 5, 3.0)]
    assert watch(task, events).stages_s("t") == {"fetch": 2.0}


def test_a_task_that_nobody_takes_is_not_waited_for_for_ever(task: DemoTask) -> None:
    assert watch(task, []).stages_s("t") == {}
