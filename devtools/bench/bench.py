"""Run the measurements one after another, as concurrent ones would disturb each other, and report the figures."""

from __future__ import annotations

import importlib
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from rich.console import Console

from commands.outcome import CommandError, CommandOutcome
from devtools.bench import baseline, page, table
from devtools.bench.scale import FULL, QUICK
from devtools.bench.testbed import BenchTestbed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devtools.bench.scale import Scale
    from settings import Settings

#: Module and function of each part; imported when measured, as each part needs different libraries.
PARTS = {
    "idle": ("idle", "measure"),
    "efficiency": ("efficiency", "measure"),
    "overhead": ("overhead", "measure"),
    "ingest": ("ingest", "measure"),
    "inflight": ("inflight", "measure"),
    "growth": ("efficiency", "growth"),
    "size": ("size", "measure"),
    "fairness": ("fairness", "measure"),
    "images": ("images", "measure"),
}
RESULT = "bench.json"


def bench(
    settings: Settings, *, quick: bool = False, only: Sequence[str] = (), baseline_file: Path | None = None
) -> CommandOutcome:
    """Measure all parts, or those in `only`; write the figures as JSON and as a page to DATA_DIR/bench.

    Raises:
        CommandError: A part is unknown, the baseline can't be read, or tasks did not complete.
        StartError: A server or worker can't be started.
    """
    if unknown := set(only) - set(PARTS):
        raise CommandError(f"Unknown part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}.")
    before = baseline.read(baseline_file) if baseline_file else {}
    folder = settings.data_dir.resolve() / "bench"
    data: dict[str, Any] = {"machine": machine()}
    with BenchTestbed(settings) as testbed:
        for name in only or PARTS:
            Console(stderr=True).print(f"[dim]measuring {name} …[/dim]")
            data[name] = _part(name)(testbed, QUICK if quick else FULL)
            # Write after every part, so that a later failure keeps the earlier figures.
            (folder / RESULT).write_text(json.dumps(data, indent=1))
    index = page.write(folder, data, before)
    return CommandOutcome(data | {"page": str(index)}, table.view(data, before, index))


def in_flight(settings: Settings, *, tasks: int, latency_s: float, processes: int) -> CommandOutcome:
    """Measure `tasks` concurrent generations, each of `latency_s` seconds, in `processes` worker processes."""
    from devtools.bench.inflight import in_flight as measure  # noqa: PLC0415  as `PARTS`

    with BenchTestbed(settings) as testbed:
        found = measure(testbed, tasks, latency_s, processes=processes)
    return CommandOutcome(found, table.view({"inflight": found}, {}, None))


def images() -> CommandOutcome:
    """Measure the cost of resizing a picture to a small JPEG."""
    from devtools.bench.images import bench_images  # noqa: PLC0415  as `PARTS`

    cases = bench_images()
    return CommandOutcome(dict(cases), table.of_cases(cases))


def machine() -> dict[str, Any]:
    """Return the properties of this machine that the figures depend on."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(psutil.getloadavg()[0], 1),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _part(name: str) -> Callable[[BenchTestbed, Scale], dict[str, Any]]:
    module, function = PARTS[name]
    found: Callable[[BenchTestbed, Scale], dict[str, Any]] = getattr(
        importlib.import_module(f"devtools.bench.{module}"), function
    )
    return found
