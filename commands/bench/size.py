"""Size: memory of each process, and how long it takes to be there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from commands import programs
from commands.bench import photo, usage
from commands.bench.arena import running
from commands.bench.tasks import push, write_tasks

if TYPE_CHECKING:
    from commands.bench.arena import Arena
    from commands.bench.scale import Scale

TASKS = 60
#: Programs have loaded everything that they load by themselves after so long, seconds.
SETTLED_S = 2.0


def measure(arena: Arena, scale: Scale) -> dict[str, Any]:
    """Megabytes by process in `idle_mb` and `loaded_mb`; seconds in `import_actors_s` and `help_s`.

    A worker counts with all that it shares; PostgreSQL's processes share most of theirs, which counts once.
    """
    url = arena.share(photo.jpeg_photo(scale.photo_mp), "size")
    with arena.workers(draws=True) as worker:
        env = arena.environment()
        with running(programs.scheduler(arena.settings, env, arena.folder / "log" / "scheduler.log")) as scheduler:
            time.sleep(SETTLED_S)
            pids = {**arena.servers, "scheduler": scheduler.pid}
            idle = _memory(worker.pid, pids)
            tasks = write_tasks(arena.database, min(TASKS, scale.efficiency_tasks), seed="size")
            push(arena.redis, tasks, [url, url])
            arena.wait_completed(tasks)
            loaded = _memory(worker.pid, pids)
        seconds = {
            "import_actors_s": _seconds(("-c", "import actors"), env, scale.imports),
            "help_s": _seconds(("manage.py", "--help"), env, scale.imports),
        }
    return {"idle_mb": idle, "loaded_mb": loaded, "worker_idle_mb": idle["worker"], **seconds}


def _memory(dramatiq: int, pids: dict[str, int]) -> dict[str, float]:
    workers = [usage.rss_mb(pid) for pid in usage.workers_below(dramatiq)]
    found = {name: usage.own_mb(pid) for name, pid in pids.items()}
    return {name: round(mb, 1) for name, mb in {"worker": max(workers), **found}.items()}


def _seconds(arguments: tuple[str, ...], env: dict[str, str], times: int) -> float:
    """The fastest of so many runs of our interpreter."""
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(  # noqa: S603  our own interpreter and files
            [sys.executable, *arguments],
            cwd=programs.ROOT,
            env=os.environ | env,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        spent.append(time.perf_counter() - started)
    return round(min(spent), 3)
