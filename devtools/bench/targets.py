"""Targets on two cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Target:
    """One figure and its bound.

    Attributes:
        part, path: Location of the figure in the result; `path` has a dot per level.
        label: Name for readers, with the unit.
        bound: Maximum, or minimum with `at_least`; None if the figure is only shown.
    """

    part: str
    path: str
    label: str
    bound: float | None = None
    at_least: bool = False

    @property
    def name(self) -> str:
        """Path of the figure in the whole result."""
        return f"{self.part}.{self.path}"

    def figure(self, data: Mapping[str, Any]) -> float | None:
        """Return the figure, or None if it was not measured."""
        found: Any = data
        for key in self.name.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, int | float) else None

    def met(self, figure: float) -> bool:
        """Return whether the figure is within its bound."""
        return self.bound is None or (figure >= self.bound if self.at_least else figure <= self.bound)

    @property
    def wanted(self) -> str:
        """The bound as text."""
        return "" if self.bound is None else f"{'≥' if self.at_least else '≤'} {self.bound:,g}"


TARGETS = (
    Target("idle", "to_provider_ms_p50", "idle: LPUSH to provider, p50, ms", 60),
    Target("idle", "to_provider_ms_p95", "idle: LPUSH to provider, p95, ms", 120),
    Target("idle", "to_completed_ms_p50", "idle: LPUSH to completed, p50, ms", 150),
    Target("idle", "to_completed_ms_p95", "idle: LPUSH to completed, p95, ms", 300),
    Target("efficiency", "ratio", "efficiency: jobs/s over bare image functions", 0.80, at_least=True),
    Target("efficiency", "jobs_per_s", "efficiency: jobs/s"),
    Target("overhead", "cpu_ms_per_task", "overhead: CPU ms per task, everything", 25),
    Target("overhead", "ratio_to_celery", "overhead: over one Celery task", 1.5),
    Target("overhead", "ratio_to_one_message", "overhead: over one bare message"),
    Target("ingest", "per_s", "ingest: tasks/s", 3000, at_least=True),
    Target("ingest", "rss_growth_mb", "ingest: memory growth, MB"),
    Target("inflight", "makespan_ratio", "in flight, 1,000: makespan over latency", 1.5),
    Target("inflight", "rss_mb", "in flight, 1,000: worker, MB", 300),
    Target("inflight", "waiting_core_share", "in flight, 1,000: share of a core, waiting", 0.30),
    Target("inflight", "at_3000.makespan_ratio", "in flight, 3,000: makespan over latency", 1.5),
    Target("inflight", "at_3000.rss_mb", "in flight, 3,000: worker, MB", 300),
    Target("inflight", "at_3000.waiting_core_share", "in flight, 3,000: share of a core, waiting", 0.30),
    Target("growth", "ratio_max", "growth: fastest over slowest of 30, 300, 3,000", 1.15),
    Target("size", "idle_mb.worker", "size: idle worker, MB", 120),
    Target("size", "loaded_mb.worker", "size: loaded worker, MB"),
    Target("size", "import_actors_s", "size: import of actors, s", 1.0),
    Target("size", "help_s", "size: manage.py --help, s", 0.4),
    Target("fairness", "wait_ratio", "fairness: others' wait over an idle system's", 2.0),
    Target("images", "jpeg_12mp.cpu_ratio_to_libvips", "images: 12 MP JPEG over libvips' thumbnail"),
)


def measured(data: Mapping[str, Any]) -> Iterator[tuple[Target, float]]:
    """Yield every measured figure with its target."""
    for target in TARGETS:
        figure = target.figure(data)
        if figure is not None:
            yield target, figure
