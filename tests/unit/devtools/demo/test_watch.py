from __future__ import annotations

import io

import pytest
from rich.console import Console

from devtools.demo.task import DemoTask
from devtools.demo.watch import Watch
from schemas.common import Product, StageName
from schemas.progress import Progress, Status


def event(status: Status, progress: int, at: float, stage: StageName | None = None) -> Progress:
    return Progress(status=status, progress=progress, message="[x] now", task_id="t", stage=stage, at=at)


@pytest.fixture
def task() -> DemoTask:
    return DemoTask(Product.TRYON, "t", "s", "A", "b2c", {}, (), "p", 1)


def watch(task: DemoTask, events: list[Progress]) -> Watch:
    watching = Watch([task], Console(quiet=True))
    with watching:
        for one in events:
            watching.show(0, one)
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
    assert watching.stages_s(0) == {"fetch": 0.5, "generate": 3.0, "upload": 0.0}


def test_a_failure_ends_the_stage_it_happened_in(task: DemoTask) -> None:
    events = [event(Status.PROCESSING, 5, 1.0, StageName.FETCH), event(Status.FAILED, 5, 3.0)]
    assert watch(task, events).stages_s(0) == {"fetch": 2.0}


def test_a_task_that_nobody_takes_has_no_stages(task: DemoTask) -> None:
    assert watch(task, []).stages_s(0) == {}


def test_a_bar_says_what_the_task_says_as_it_says_it(task: DemoTask) -> None:
    written = io.StringIO()
    watching = Watch([task], Console(file=written, width=100))
    with watching:
        watching.show(0, event(Status.FAILED, 30, 1.0))
    assert "failed: [x] now" in written.getvalue()
