"""Size: memory of each process, and import times."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from commands.local import programs
from devtools.bench import photo, usage
from devtools.bench.tasks import push, write_tasks
from devtools.bench.testbed import running

if TYPE_CHECKING:
    from devtools.bench.scale import Scale
    from devtools.bench.testbed import BenchTestbed

TASKS = 60
#: Time for the programs to load everything that they need without tasks, seconds.
SETTLE_S = 2.0


def measure(testbed: BenchTestbed, scale: Scale) -> dict[str, Any]:
    """Return the megabytes by process, `idle_mb` and `loaded_mb`, and the seconds `import_actors_s` and `help_s`.

    Shared memory counts fully for a worker, and once for PostgreSQL, whose processes share most of theirs.
    """
    url = testbed.share(photo.jpeg_photo(scale.photo_mp), "size")
    with testbed.workers(draws=True) as worker:
        env = testbed.environment()
        with running(programs.scheduler(testbed.settings, env, testbed.folder / "log" / "scheduler.log")) as scheduler:
            time.sleep(SETTLE_S)
            pids = {**testbed.servers, "scheduler": scheduler.pid}
            idle = _memory(worker.pid, pids)
            tasks = write_tasks(testbed.database, min(TASKS, scale.efficiency_tasks), seed="size")
            push(testbed.redis, tasks, [url, url])
            testbed.wait_completed(tasks)
            loaded = _memory(worker.pid, pids)
        seconds = {
            "import_actors_s": _seconds(("-c", "import actors"), env, scale.imports),
            "help_s": _seconds(("manage.py", "--help"), env, scale.imports),
        }
    return {"idle_mb": idle, "loaded_mb": loaded, "worker_idle_mb": idle["worker"], **seconds}


def _memory(dramatiq: int, pids: dict[str, int]) -> dict[str, float]:
    workers = [usage.rss_mb(pid) for pid in usage.workers_below(dramatiq)]
    found = {name: usage.pss_mb(pid) for name, pid in pids.items()}
    return {name: round(mb, 1) for name, mb in {"worker": max(workers), **found}.items()}


def _seconds(arguments: tuple[str, ...], env: dict[str, str], times: int) -> float:
    """Return the duration of the fastest of `times` runs of the interpreter, seconds."""
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(  # noqa: S603  this interpreter, own files
            [sys.executable, *arguments],
            cwd=programs.ROOT,
            env=os.environ | env,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        spent.append(time.perf_counter() - started)
    return round(min(spent), 3)
