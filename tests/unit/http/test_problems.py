from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from api.problems import MAX_FAULT_CHARS, MAX_FAULTS, Problem, invalid
from schemas.http import GenerationRequest, ImagesRequest, PhotoRequest
from schemas.size_feedback import SizeFeedbackRequest
from schemas.sizing import EstimateRequest
from schemas.tasks import TASK_TYPES


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def problem_of(fields: dict[str, Any]) -> Problem:
    with pytest.raises(ValidationError) as caught:
        Strict.model_validate(fields)
    return invalid(caught.value)


@pytest.mark.parametrize("count", [1, MAX_FAULTS, 100, 5_000])
def test_the_answer_to_any_number_of_faults_is_short(count: int) -> None:
    problem = problem_of({f"field-{number}-{'x' * 10_000}": 0 for number in range(count)})
    body = json.loads(problem.body("r"))
    assert len(body["errors"]) <= MAX_FAULTS
    assert all(len(text) <= MAX_FAULT_CHARS for fault in body["errors"] for text in fault.values())
    assert len(problem.body("r")) < 20_000


def test_many_faults_are_counted_where_they_are_not_described() -> None:
    assert problem_of({str(number): 0 for number in range(5_000)}).detail.endswith("it has 5000 faults")


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (GenerationRequest, "accessories"), (EstimateRequest, "chart"), (ImagesRequest, "prompt"),
        (PhotoRequest, "avatar"), (SizeFeedbackRequest, "outcome"),
        *((task, "image_urls") for task in TASK_TYPES.values()),
    ],
)  # fmt: skip
def test_a_long_list_of_wrong_values_is_a_few_faults(model: type[BaseModel], field: str) -> None:
    wrong: list[Any] = [0] * 10_000
    for value in (wrong, {"sizes": wrong, "bounds_cm": ["x"] * 10_000}):
        with pytest.raises(ValidationError) as caught:
            model.model_validate_json(json.dumps({field: value}))
        assert caught.value.error_count() < 20
