"""`manage.py bench sizing-accuracy CSV`: compare size recommendations with measured people.

The CSV has one line per person with the columns `height_cm`, `weight_kg`, `sex` (male or female), `chest_cm`, and
optionally `waist_cm` (at navel level) and `hip_cm`. Each person gets three recommendations: from the weight, from the
build with the nearest weight, and from the height alone.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.table import Table

from commands.outcome import CommandError, CommandOutcome
from pipelines.sizing.chart import BUILT_IN, BY_SEX, LETTERS, size_of
from pipelines.sizing.girths import estimate_girth, widened_for_civilians
from pipelines.sizing.populations import Population, build_bmis, population_named
from pipelines.sizing.probabilities import LEVEL
from pipelines.sizing.recommend import size_for
from schemas.size_charts import Girth
from schemas.sizing import Facts, Sex, Wish

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from settings import Settings

PATHS = ("weight", "build", "height")
#: Confidences are compared with the correct share in `BINS` bins; bins with fewer than `MIN_BIN` people are noise.
BINS = 10
MIN_BIN = 50


class MeasuredPerson(NamedTuple):
    """A measured person, in cm and kg; girths that were not measured are missing."""

    sex: Sex
    height_cm: float
    weight_kg: float
    girths: dict[Girth, float]


class Sized(NamedTuple):
    """The recommendation for one person, compared with the measured size."""

    confidence: float
    steps: int
    in_range: bool
    decided: bool
    covered: dict[Girth, bool]


def bench_sizing_accuracy(settings: Settings, file: Path) -> CommandOutcome:
    """Compare the recommendations with the measured people of a CSV file.

    Result by path: `n`, the shares `exact`, `within_one`, `range_held` and `decided`, `mean_confidence`, `max_bin_gap`
    (the largest difference between mean confidence and correct share in a bin of at least 50 people), `bins` and
    `coverage` (the share of girths inside their intervals).

    Raises:
        CommandError: The file can't be read.
    """
    population = population_named(settings.population)
    data = accuracy(read_people(file), population)
    return CommandOutcome(data, _view(data, population))


def read_people(file: Path) -> list[MeasuredPerson]:
    """Return the people of a CSV file.

    Raises:
        CommandError: The file is missing, empty, or a line can't be read.
    """
    people = []
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            for number, row in enumerate(csv.DictReader(lines), start=2):
                people.append(_person(file, number, row))
    except OSError as error:
        raise CommandError(f"Cannot read {file}: {error.strerror}.") from error
    if not people:
        raise CommandError(f"{file} has no people; write a line with the column names, then one line per person.")
    return people


def accuracy(people: Sequence[MeasuredPerson], population: Population) -> dict[str, Any]:
    """Return the figures of each path."""
    return {path: _summary([_size(person, path, population) for person in people]) for path in PATHS}


def nearest_build(person: MeasuredPerson, population: Population) -> int:
    """Return the build, 1 to 5, whose weight is nearest to the person's."""
    bmi = person.weight_kg / (person.height_cm / 100) ** 2
    anchors = build_bmis(population, person.sex)
    return 1 + min(range(len(anchors)), key=lambda index: abs(anchors[index] - bmi))


def _size(person: MeasuredPerson, path: str, population: Population) -> Sized:
    facts = Facts(
        height_cm=person.height_cm,
        sex=person.sex,
        weight_kg=person.weight_kg if path == "weight" else None,
        build=nearest_build(person, population) if path == "build" else None,
    )
    sized = size_for(facts, Wish(), population=population)
    chart = BUILT_IN[BY_SEX[person.sex]]
    truth = LETTERS.index(size_of(chart, person.girths[Girth.CHEST]))
    covered = {}
    for girth, true_cm in person.girths.items():
        belief = widened_for_civilians(estimate_girth(girth, facts, population), girth, person.sex)
        covered[girth] = abs(belief.cdf(true_cm) - 0.5) <= LEVEL / 2
    return Sized(
        confidence=sized.confidence,
        steps=abs(LETTERS.index(sized.size) - truth),
        in_range=LETTERS.index(sized.size_range.lower) <= truth <= LETTERS.index(sized.size_range.upper),
        decided=sized.decided,
        covered=covered,
    )


def _summary(sized: Sequence[Sized]) -> dict[str, Any]:
    bins = _bins(sized)
    gaps = [round(abs(part["confidence"] - part["right"]), 3) for part in bins if part["n"] >= MIN_BIN]
    return {
        "n": len(sized),
        "exact": _share(one.steps == 0 for one in sized),
        "within_one": _share(one.steps <= 1 for one in sized),
        "range_held": _share(one.in_range for one in sized),
        "decided": _share(one.decided for one in sized),
        "mean_confidence": _share(one.confidence for one in sized),
        "max_bin_gap": max(gaps, default=None),
        "bins": bins,
        "coverage": {
            girth.value: _share(one.covered[girth] for one in sized if girth in one.covered)
            for girth in Girth
            if any(girth in one.covered for one in sized)
        },
    }


def _bins(sized: Sequence[Sized]) -> list[dict[str, Any]]:
    found = []
    for lower in range(BINS):
        part = [one for one in sized if min(int(one.confidence * BINS), BINS - 1) == lower]
        if part:
            right = _share(one.steps == 0 for one in part)
            confidence = _share(one.confidence for one in part)
            found.append({"from": lower / BINS, "n": len(part), "confidence": confidence, "right": right})
    return found


def _share(values: Iterable[float]) -> float:
    listed = list(values)
    return round(sum(listed) / len(listed), 3)


def _person(file: Path, number: int, row: dict[str, str]) -> MeasuredPerson:
    try:
        girths = {girth: float(row[f"{girth}_cm"]) for girth in Girth if row.get(f"{girth}_cm")}
        person = MeasuredPerson(
            Sex(row["sex"].strip().lower()), float(row["height_cm"]), float(row["weight_kg"]), girths
        )
    except (KeyError, ValueError, AttributeError) as error:
        needed = "height_cm, weight_kg, sex (male or female) and chest_cm"
        raise CommandError(
            f"{file}, line {number}: a column is missing or not a number; required: {needed}."
        ) from error
    if Girth.CHEST not in girths or person.sex is Sex.UNSPECIFIED:
        raise CommandError(f"{file}, line {number}: chest_cm is missing, or sex is neither male nor female.")
    return person


def _view(data: dict[str, Any], population: Population) -> Table:
    table = Table(title=f"{data[PATHS[0]]['n']} people; unknown weights: {population.source}", box=None)
    for heading in ("path", "exact", "within one", "range held", "confidence", "largest gap", "coverage"):
        table.add_column(heading, justify="left" if heading in {"path", "coverage"} else "right")
    for path in PATHS:
        figures = data[path]
        gap = figures["max_bin_gap"]
        table.add_row(
            path,
            *(f"{figures[name]:.0%}" for name in ("exact", "within_one", "range_held", "mean_confidence")),
            "-" if gap is None else f"{gap:.0%}",
            ", ".join(f"{girth} {share:.0%}" for girth, share in figures["coverage"].items()),
        )
    return table
