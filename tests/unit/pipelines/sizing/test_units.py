from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.sizing import Facts


def test_inches_and_pounds_are_converted_to_centimetres_and_kilograms() -> None:
    facts = Facts.model_validate({"height_in": "69", "weight_lb": 165})

    assert facts.height_cm == pytest.approx(175.26)
    assert facts.weight_kg == pytest.approx(74.84, abs=0.01)


def test_metric_fields_take_precedence() -> None:
    assert Facts.model_validate({"height_cm": 175, "height_in": 60}).height_cm == 175


def test_the_error_of_an_invalid_number_names_its_field() -> None:
    with pytest.raises(ValidationError, match="height_cm"):
        Facts.model_validate({"height_in": "tall"})
