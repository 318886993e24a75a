"""Sizes of the measurements."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of the measurements; photos are 4:3.

    Attributes:
        idle_tasks: Number of tasks pushed one after another.
        efficiency_tasks: Number of tasks pushed at once, each with two photos of `photo_mp` megapixels.
        overhead_tasks: Number of tasks pushed at once, with 64-pixel pictures.
        ingest_tasks: Number of tasks in the producers' list before the worker starts.
        in_flight: Pairs of concurrent generations and the seconds that each of them takes.
        growth: Number of tasks of each run, with photos of `growth_mp` megapixels.
        flood: Number of tasks of one owner, before `others` owners push one each.
        imports: Number of times that each import is timed; the fastest counts.
        image_mp: Megapixels of the photos for the bare image functions.
    """

    idle_tasks: int = 100
    efficiency_tasks: int = 300
    photo_mp: float = 12
    overhead_tasks: int = 500
    ingest_tasks: int = 20_000
    in_flight: tuple[tuple[int, float], ...] = ((1000, 20.0), (3000, 60.0))
    growth: tuple[int, ...] = (30, 300, 3000)
    growth_mp: float = 1
    flood: int = 2000
    others: int = 20
    imports: int = 5
    image_mp: tuple[int, ...] = (1, 12, 40)


FULL = Scale()
#: Shows that every part runs; its figures mean little.
QUICK = Scale(
    idle_tasks=3, efficiency_tasks=4, photo_mp=1, overhead_tasks=20, ingest_tasks=200, in_flight=((20, 1.0),),
    growth=(2, 4), growth_mp=0.2, flood=40, others=3, imports=1, image_mp=(1,),
)  # fmt: skip
