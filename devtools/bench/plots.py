"""The plots of each measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devtools.bench.plot import Bar, PlotLine, bars, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Part = dict[str, Any]


def plots(data: Mapping[str, Any]) -> dict[str, str]:
    """Return an SVG for each measured part."""
    return {name: draw(data[name]) for name, draw in PLOTS.items() if name in data}


def _idle(part: Part) -> str:
    curves = part["curve"]
    shares = [(number + 1) * 100 / len(curves["to_provider_ms"]) for number in range(len(curves["to_provider_ms"]))]
    found = [
        PlotLine("to provider", curves["to_provider_ms"], shares),
        PlotLine("to completed", curves["to_completed_ms"], shares),
    ]
    return lines("Idle latency minus the bare image work", found, x="milliseconds", y="% of tasks")


def _efficiency(part: Part) -> str:
    found = [
        Bar("bare image functions", part["bare_jobs_per_s"], f"{part['bare_jobs_per_s']:g} jobs/s", "two"),
        Bar("Darkroom, whole pipeline", part["jobs_per_s"], f"{part['jobs_per_s']:g} jobs/s"),
    ]
    return bars("Efficiency", found, bound=0.8 * part["bare_jobs_per_s"])


def _overhead(part: Part) -> str:
    names = {"ours": ("Darkroom, six stages", "one"), "celery": ("one Celery task, the same work", "two"),
             "one_message": ("one bare Dramatiq message", "three")}  # fmt: skip
    totals = {name: sum(part["cpu_ms"][name].values()) for name in names}
    found = [Bar(label, totals[name], f"{totals[name]:.1f} ms", colour) for name, (label, colour) in names.items()]
    return bars("CPU per task of all processes", found, bound=25)


def _ingest(part: Part) -> str:
    rows = PlotLine("waiting tasks", part["curve"]["seconds"], part["curve"]["rows"])
    return lines("Ingest", [rows], x="seconds", y="tasks")


def _inflight(part: Part) -> str:
    sizes = [part, *(value for key, value in part.items() if key.startswith("at_"))]
    found = [PlotLine(f"{size['tasks']:,}", size["curve"]["seconds"], size["curve"]["generations"]) for size in sizes]
    return lines("Generations in flight, one worker process", found, x="seconds", y="generations")


def _growth(part: Part) -> str:
    found = [Bar(f"{int(tasks):,} tasks", rate, f"{rate:g} jobs/s") for tasks, rate in part["jobs_per_s"].items()]
    return bars("Jobs per second as the queue grows", found)


def _size(part: Part) -> str:
    found = []
    for name, idle in part["idle_mb"].items():
        loaded = part["loaded_mb"][name]
        found += [Bar(f"{name}, idle", idle, f"{idle:.0f} MB"), Bar("loaded", loaded, f"{loaded:.0f} MB", "two")]
    return bars("Resident memory", found, bound=120)


def _fairness(part: Part) -> str:
    found = [
        PlotLine(name, part[key], [(number + 1) * 100 / len(part[key]) for number in range(len(part[key]))])
        for name, key in (("idle system", "idle_s"), ("behind a flood", "flooded_s"))
    ]
    return lines("Wait of other owners while one owner floods the queue", found, x="seconds", y="% of tasks")


def _images(part: Part) -> str:
    found = []
    for name, case in part.items():
        found += [
            Bar(name.replace("_", " "), case["cpu_ms"], f"{case['cpu_ms']:.0f} ms"),
            Bar("libvips' thumbnail", case["libvips_cpu_ms"], f"{case['libvips_cpu_ms']:.0f} ms", "two"),
        ]
    return bars("CPU of one small JPEG", found)


PLOTS: dict[str, Callable[[Part], str]] = {
    "idle": _idle,
    "efficiency": _efficiency,
    "overhead": _overhead,
    "ingest": _ingest,
    "inflight": _inflight,
    "growth": _growth,
    "size": _size,
    "fairness": _fairness,
    "images": _images,
}
