"""The wire format of jobs, between builds."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.common import Product
from schemas.job import JOB_VERSION, Call, Failure, Job, Picture

JOB = Job(
    product=Product.TRYON, task_id="t", session_id="s", owner_id="o", channel="b2c", request_id="r", token=3,
    pictures=(Picture(scratch="t/1"),), calls=(Call(provider="mock", outcome="ok", seconds=1.5),),
    failure=Failure(code="x", message="It failed."),
)  # fmt: skip


def test_fields_that_another_build_wrote_are_ignored() -> None:
    wire = JOB.model_dump(mode="json")
    wire |= {"started_ms": 1_764_000_000_000}
    for part in (wire["pictures"][0], wire["calls"][0], wire["failure"]):
        part["unknown"] = 1
    assert Job.model_validate(wire) == JOB


def test_a_newer_version_is_left_to_newer_workers() -> None:
    with pytest.raises(ValidationError):
        Job.model_validate(JOB.model_dump(mode="json") | {"version": JOB_VERSION + 1})
