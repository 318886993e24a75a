from __future__ import annotations

from statistics import fmean

import pytest

from pipelines.sizing.girths import estimate_girth
from pipelines.sizing.populations import (
    ENGLAND,
    US,
    Population,
    bmi_quantile,
    build_bmis,
    builds,
    population_named,
)
from schemas.errors import Invalid
from schemas.size_charts import Girth
from schemas.sizing import Facts, Sex


@pytest.mark.parametrize(("share", "men", "women"), [(0.05, 20.9, 19.7), (0.5, 28.2, 28.3), (0.95, 42.1, 44.9)])
def test_the_published_percentiles_are_reproduced_exactly(share: float, men: float, women: float) -> None:
    assert bmi_quantile(US, Sex.MALE, share) == pytest.approx(men)
    assert bmi_quantile(US, Sex.FEMALE, share) == pytest.approx(women)


@pytest.mark.parametrize(
    ("population", "sex", "published"),
    [
        (US, Sex.MALE, 29.4),
        (US, Sex.FEMALE, 30.0),
        (ENGLAND, Sex.MALE, 27.4),
        (ENGLAND, Sex.FEMALE, 26.9),
    ],
)
def test_the_mean_of_the_distribution_is_the_published_mean(population: Population, sex: Sex, published: float) -> None:
    mean = fmean(bmi_quantile(population, sex, (i + 0.5) / 1000) for i in range(1000))
    assert mean == pytest.approx(published, abs=0.5)


@pytest.mark.parametrize(
    ("sex", "height", "hip", "waist"), [(Sex.MALE, 175.1, 105.6, 103.0), (Sex.FEMALE, 161.2, 109.8, 97.9)]
)
def test_the_estimated_means_of_us_adults_are_near_the_published_ones(
    sex: Sex, height: float, hip: float, waist: float
) -> None:
    """Tables 12 and 14 of the report; its waist is taken above the hip bone, ours at navel level."""
    facts = Facts(height_cm=height, sex=sex)

    assert estimate_girth(Girth.HIP, facts, US).mean == pytest.approx(hip, abs=2)
    assert estimate_girth(Girth.WAIST, facts, US).mean == pytest.approx(waist, abs=6)


@pytest.mark.parametrize("population", [US, ENGLAND])
@pytest.mark.parametrize("sex", Sex)
def test_builds_ascend_and_become_heavier_with_height(population: Population, sex: Sex) -> None:
    short, tall = (builds(population, height, sex).builds for height in (160, 180))

    assert [build.build for build in short] == [1, 2, 3, 4, 5]
    assert sorted(build.weight_kg for build in short) == [build.weight_kg for build in short]
    assert all(a.weight_kg < b.weight_kg for a, b in zip(short, tall, strict=True))
    assert short[2].weight_lb == pytest.approx(short[2].weight_kg / 0.45359237, abs=0.2)
    assert build_bmis(population, sex)[2] == pytest.approx(bmi_quantile(population, sex, 0.5))


def test_the_error_of_an_unknown_population_lists_the_known_ones() -> None:
    with pytest.raises(Invalid, match="us, england"):
        population_named("mars")
