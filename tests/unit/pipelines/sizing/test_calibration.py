"""Simulations: people whose girths scatter around the regression as those of the survey's held-out people did."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from devtools.bench.sizing_accuracy import accuracy
from pipelines.sizing.populations import ENGLAND, POPULATIONS, US, Population
from schemas.sizing import Sex
from tests.unit.pipelines.sizing.people import adults, soldiers

PEOPLE = 3000
SEXES = [Sex.MALE, Sex.FEMALE]


@functools.cache
def on_soldiers(sex: Sex) -> dict[str, Any]:
    return accuracy(soldiers(sex, PEOPLE), ENGLAND)


@functools.cache
def on_adults(name: str, sex: Sex) -> dict[str, Any]:
    return accuracy(adults(POPULATIONS[name], sex, PEOPLE), POPULATIONS[name])


@pytest.mark.parametrize(("sex", "right", "near"), [(Sex.MALE, 0.70, 0.999), (Sex.FEMALE, 0.61, 0.993)])
def test_with_a_weight_the_share_of_correct_sizes_is_as_measured(sex: Sex, right: float, near: float) -> None:
    figures = on_soldiers(sex)["weight"]

    assert figures["exact"] == pytest.approx(right, abs=0.03)
    assert figures["within_one"] == pytest.approx(near, abs=0.01)
    assert 0.90 <= figures["range_held"] <= 0.97


@pytest.mark.parametrize("sex", SEXES)
def test_the_confidence_with_a_weight_is_within_8_points_in_every_tenth(sex: Sex) -> None:
    figures = on_soldiers(sex)["weight"]

    assert figures["max_bin_gap"] <= 0.08
    assert figures["mean_confidence"] <= figures["exact"]


@pytest.mark.parametrize("population", [US, ENGLAND])
@pytest.mark.parametrize("sex", SEXES)
def test_the_confidence_with_a_build_is_within_8_points_of_what_misjudged_builds_leave(
    sex: Sex, population: Population
) -> None:
    figures = on_adults(population.name, sex)["build"]

    # The simulated people name the nearest build; a quarter of real ones are assumed to name the one beside it.
    assert figures["mean_confidence"] <= figures["exact"] <= figures["mean_confidence"] + 0.12
    assert figures["range_held"] >= 0.85


@pytest.mark.parametrize("population", [US, ENGLAND])
@pytest.mark.parametrize("sex", SEXES)
def test_a_height_alone_gives_a_valid_range_and_no_size(sex: Sex, population: Population) -> None:
    figures = on_adults(population.name, sex)["height"]

    assert figures["max_bin_gap"] <= 0.08
    assert figures["range_held"] >= 0.8
    assert figures["decided"] < 0.1


@pytest.mark.parametrize("population", [US, ENGLAND])
@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize("path", ["weight", "build", "height"])
def test_at_least_four_fifths_of_the_girths_are_in_their_intervals(sex: Sex, population: Population, path: str) -> None:
    assert min(on_adults(population.name, sex)[path]["coverage"].values()) >= 0.8
