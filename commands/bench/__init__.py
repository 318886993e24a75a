"""`manage.py bench`: the measurements, each on its own or all in one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.rule import Rule
from rich.table import Table

from commands.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from settings import Settings


def bench(settings: Settings) -> Outcome:
    """Everything, one after another: side by side they would measure each other."""
    outcomes = {name: measure(settings) for name, measure in MEASUREMENTS.items()}
    data = {name: outcome.data for name, outcome in outcomes.items()}
    views = [part for name, outcome in outcomes.items() for part in (Rule(name), outcome.view)]
    return Outcome(data, Group(*views), ok=all(outcome.ok for outcome in outcomes.values()))


def images(_settings: Settings) -> Outcome:
    """What making a small JPEG of a picture costs."""
    from commands.bench_images import bench_images  # noqa: PLC0415  each measurement loads only its own libraries

    cases = bench_images()
    columns = list(next(iter(cases.values())))
    table = Table("picture", *(name.replace("_", " ") for name in columns))
    for name, figures in cases.items():
        table.add_row(name.replace("_", " "), *(f"{figures[column]:g}" for column in columns))
    return Outcome(dict(cases), table)


def sizing(settings: Settings) -> Outcome:
    """How many sizes a second the HTTP service recommends."""
    from commands.bench_sizing import bench_sizing  # noqa: PLC0415  as above

    return bench_sizing(settings)


MEASUREMENTS: dict[str, Callable[[Settings], Outcome]] = {"images": images, "sizing": sizing}
