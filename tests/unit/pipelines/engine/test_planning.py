from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipelines.engine.messages import job_message, message_options
from pipelines.engine.planning import plan_job, stages_left
from schemas.common import JobState, Product, StageName
from schemas.job import Job
from schemas.records import JobRow

PAYLOAD = {
    "task_id": "t1", "channel": "b2c", "user_id": "u1", "session_id": "s1",
    "image_urls": ["https://shop.example/a.jpg", "https://shop.example/b.jpg"],
}  # fmt: skip


def row(**changes: Any) -> JobRow:
    fields = {
        "task_id": "t1", "product": Product.TRYON, "session_id": "s1", "owner_id": "u1", "user_id": "u1",
        "channel": "b2c", "request_id": "r1", "payload": PAYLOAD, "state": JobState.RUNNING, "run": 1, "token": 2,
        "created_at": datetime.now(UTC),
    }  # fmt: skip
    return JobRow.model_validate(fields | changes)


def test_a_new_job_passes_every_stage_with_its_inputs_in_order() -> None:
    job = plan_job(row())
    assert job.inputs == ("https://shop.example/a.jpg", "https://shop.example/b.jpg")
    assert job.token == 2
    assert len(job.pictures) == 1
    assert stages_left(row()) == (
        StageName.FETCH, StageName.RESIZE, StageName.GENERATE, StageName.WATERMARK, StageName.UPLOAD, StageName.NOTIFY,
    )  # fmt: skip


def test_an_empty_prompt_means_the_products_own() -> None:
    assert "try-on" in plan_job(row()).prompt
    assert plan_job(row(payload=PAYLOAD | {"prompt": "red"})).prompt == "red"


def test_a_job_with_generated_pictures_continues_after_that_stage_and_is_not_paid_again() -> None:
    generated = {
        "pictures": [{"scratch": "t1/made-0", "provider": "openai"}],
        "calls": [{"provider": "openai", "outcome": "ok", "seconds": 1.0, "cost_usd": 0.05}],
        "input_tokens": 10, "output_tokens": 20, "cost_usd": 0.05,
    }  # fmt: skip
    found = row(journal={"generated": generated})
    job = plan_job(found)
    assert stages_left(found) == (StageName.WATERMARK, StageName.UPLOAD, StageName.NOTIFY)
    assert job.pictures[0].scratch == "t1/made-0"
    assert (job.cost_usd, job.input_tokens) == (0.05, 10)


def test_an_ended_job_is_only_notified() -> None:
    failed = row(state=JobState.FAILED, failure={"code": "rejected", "message": "No."})
    assert stages_left(failed) == (StageName.NOTIFY,)
    failure = plan_job(failed).failure
    assert failure is not None
    assert failure.message == "No."


def test_each_owner_sends_one_message_with_the_same_id_each_time() -> None:
    job = plan_job(row())
    ids = [message_options(job.model_copy(update={"token": token}))["job_message_id"] for token in (2, 2, 3)]
    assert ids == ["t1:2", "t1:2", "t1:3"]


def test_a_message_carries_the_whole_job_and_no_bytes() -> None:
    job = plan_job(row())
    message = job_message("fetch", job)
    assert Job.model_validate(message.args[0]) == job
    assert len(message.encode()) < 2_000
