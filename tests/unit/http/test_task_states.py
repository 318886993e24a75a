from __future__ import annotations

import pytest

from api.tasks.task_states import job_state, merge
from providers.records.orders import TaskSummary
from schemas.common import JobState, Product
from schemas.progress import Progress, Status


def facts(state: JobState, **more: object) -> TaskSummary:
    known = {"task_id": "t", "product": Product.TRYON, "session_id": "s", "owner_id": "o", "run": 1, "token": 1}
    return TaskSummary.model_validate(known | {"state": state} | more)


def event(status: Status, run: int = 1) -> Progress:
    return Progress(status=status, progress=40, message="Rendering...", run=run, seq=3)


@pytest.mark.parametrize(
    ("state", "published", "status"),
    [
        (JobState.WAITING, None, Status.PENDING),
        (JobState.RUNNING, Status.PROCESSING, Status.PROCESSING),
        (JobState.COMPLETED, None, Status.COMPLETED),
        (JobState.COMPLETED, Status.PROCESSING, Status.COMPLETED),
        (JobState.RUNNING, Status.COMPLETED, Status.COMPLETED),
        (JobState.FAILED, Status.PROCESSING, Status.FAILED),
        (JobState.CANCELLED, None, Status.FAILED),
    ],
)
def test_outcomes_come_from_the_database_and_progress_from_redis(
    state: JobState, published: Status | None, status: Status
) -> None:
    assert merge(facts(state), event(published) if published else None).status is status


def test_the_outcome_of_an_earlier_run_is_ignored() -> None:
    assert merge(facts(JobState.WAITING, run=2), event(Status.FAILED, run=1)).status is Status.PENDING


def test_a_failure_has_its_own_message() -> None:
    state = merge(facts(JobState.FAILED, failure={"message": "Rate limit exceeded", "code": "rate_limited"}), None)
    assert (state.message, state.code) == ("Rate limit exceeded", "rate_limited")


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        (Status.PENDING, None, JobState.WAITING),
        (Status.PROCESSING, None, JobState.RUNNING),
        (Status.COMPLETED, None, JobState.COMPLETED),
        (Status.FAILED, "rate_limited", JobState.FAILED),
        (Status.FAILED, "cancelled", JobState.CANCELLED),
        (Status.FAILED, "session_ended", JobState.CANCELLED),
    ],
)
def test_states_have_the_same_names_as_on_the_command_line(status: Status, code: str | None, state: JobState) -> None:
    assert job_state(event(status).model_copy(update={"code": code})) is state
