from __future__ import annotations

import random

import pytest

from pipelines.sizing.feedback import (
    MIN_ANSWERS,
    NOISE_STEPS,
    TOLERANCE_STEPS,
    FeedbackCounts,
    learned_shift_cm,
)

STEP_CM = 8.0


def answers(deviation_cm: float, number: int, applied_cm: float = 0.0) -> FeedbackCounts:
    """Simulate customers whose girths are this much larger than estimated."""
    chance = random.Random(7)
    left = [chance.gauss(deviation_cm - applied_cm, NOISE_STEPS * STEP_CM) for _ in range(number)]
    too_small = sum(value > TOLERANCE_STEPS * STEP_CM for value in left)
    too_large = sum(value < -TOLERANCE_STEPS * STEP_CM for value in left)
    return FeedbackCounts(applied_cm, number - too_small - too_large, too_small, too_large)


def test_few_reports_change_nothing() -> None:
    assert learned_shift_cm([FeedbackCounts(0, 0, MIN_ANSWERS - 1, 0)], STEP_CM) == 0
    assert learned_shift_cm([], STEP_CM) == 0


@pytest.mark.parametrize("deviation", [-4.0, 0.0, 3.0])
def test_many_reports_determine_the_deviation(deviation: float) -> None:
    assert learned_shift_cm([answers(deviation, 3000)], STEP_CM) == pytest.approx(deviation, abs=0.5)


def test_the_prior_limits_the_effect_of_the_first_reports() -> None:
    few = learned_shift_cm([FeedbackCounts(0, 22, 8, 0)], STEP_CM)
    many = learned_shift_cm([FeedbackCounts(0, 220, 80, 0)], STEP_CM)

    assert 0 < few < many


def test_returns_in_both_directions_cancel() -> None:
    assert learned_shift_cm([FeedbackCounts(0, 60, 20, 20)], STEP_CM) == pytest.approx(0, abs=0.05)


def test_reports_after_a_correction_are_relative_to_it() -> None:
    before, after = answers(3, 500), answers(3, 500, applied_cm=3)
    assert learned_shift_cm([before, after], STEP_CM) == pytest.approx(3, abs=0.7)
