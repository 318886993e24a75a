from __future__ import annotations

import io

import pytest
from rich.console import Console

from commands.progress_bars import ProgressBars
from schemas.common import StageName
from schemas.progress import Progress, Status


def event(status: Status, progress: int, at: float, stage: StageName | None = None) -> Progress:
    return Progress(status=status, progress=progress, message="[x] now", task_id="t", stage=stage, at=at)


def shown(events: list[Progress]) -> ProgressBars:
    bars = ProgressBars([("A", "pushed")], Console(quiet=True))
    with bars:
        for one in events:
            bars.show(0, one)
    return bars


def test_seconds_per_stage_are_counted_from_event_to_event() -> None:
    bars = shown(
        [
            event(Status.PENDING, 0, 10.0),
            event(Status.PROCESSING, 5, 10.5, StageName.FETCH),
            event(Status.PROCESSING, 30, 11.0, StageName.GENERATE),
            event(Status.PROCESSING, 40, 12.0, StageName.GENERATE),
            event(Status.COMPLETED, 100, 14.0, StageName.UPLOAD),
        ],
    )
    assert bars.stages_s(0) == {"fetch": 0.5, "generate": 3.0, "upload": 0.0}


def test_a_failure_ends_the_stage_it_happened_in() -> None:
    events = [event(Status.PROCESSING, 5, 1.0, StageName.FETCH), event(Status.FAILED, 5, 3.0)]
    assert shown(events).stages_s(0) == {"fetch": 2.0}


def test_a_task_without_events_has_no_stages() -> None:
    assert shown([]).stages_s(0) == {}


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (event(Status.FAILED, 30, 1.0), "failed: [x] now"),
        (event(Status.FAILED, 30, 1.0).model_copy(update={"code": "cancelled"}), "cancelled: [x] now"),
        (event(Status.FAILED, 30, 1.0).model_copy(update={"code": "cancelled", "message": "Cancelled"}), "cancelled "),
    ],
)
def test_a_bar_shows_how_the_task_ended(last: Progress, text: str) -> None:
    written = io.StringIO()
    with ProgressBars([("A", "pushed")], Console(file=written, width=100)) as bars:
        bars.show(0, last)
    assert text in written.getvalue()
    assert ("failed" in written.getvalue()) is text.startswith("failed")
