"""CPU time and memory of process trees."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

MB = 1_000_000


def cpu_s(pid: int) -> float:
    """Return the CPU seconds, user and system, of a process, its descendants, and its exited children."""
    total = 0.0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process and its descendants, including shared memory, megabytes."""
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / MB


def pss_mb(pid: int) -> float:
    """Return the memory of a process and its descendants, shared memory counted once (PSS), megabytes."""
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total / MB


def workers_below(pid: int) -> list[int]:
    """Return the worker processes of the `dramatiq` command with the process id `pid`."""
    found = [child for child in psutil.Process(pid).children() if not _is_tracker(child)]
    return [child.pid for child in found]


@dataclass(frozen=True, slots=True)
class Sample:
    """CPU seconds by program at one time."""

    cpu_s: dict[str, float]

    def since(self, before: Sample) -> dict[str, float]:
        """Return the CPU seconds of each program since `before`."""
        return {name: used - before.cpu_s.get(name, 0.0) for name, used in self.cpu_s.items()}


def sample(pids: dict[str, int]) -> Sample:
    """Return the CPU time of each process tree so far."""
    return Sample({name: cpu_s(pid) for name, pid in pids.items()})


def _tree(pid: int) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        yield process
        yield from process.children(recursive=True)


def _is_tracker(process: psutil.Process) -> bool:
    return "resource_tracker" in " ".join(process.cmdline())
