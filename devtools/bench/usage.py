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
    """CPU seconds, user and system, of a process and everything that ever ran below it and was waited for."""
    total = 0.0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def rss_mb(pid: int) -> float:
    """Resident memory of a process and everything below it, each with what it shares, megabytes."""
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / MB


def own_mb(pid: int) -> float:
    """Memory of a process and everything below it, what is shared counted once (PSS), megabytes."""
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total / MB


def workers_below(pid: int) -> list[int]:
    """The worker processes of a `dramatiq` that was started as `pid`, those that load its actors."""
    found = [child for child in psutil.Process(pid).children() if not _is_tracker(child)]
    return [child.pid for child in found]


@dataclass(frozen=True, slots=True)
class Sample:
    """CPU seconds by name, at one time."""

    cpu_s: dict[str, float]

    def since(self, before: Sample) -> dict[str, float]:
        """What each used since `before`, seconds."""
        return {name: used - before.cpu_s.get(name, 0.0) for name, used in self.cpu_s.items()}


def sample(pids: dict[str, int]) -> Sample:
    """What each process tree has used so far."""
    return Sample({name: cpu_s(pid) for name, pid in pids.items()})


def _tree(pid: int) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        yield process
        yield from process.children(recursive=True)


def _is_tracker(process: psutil.Process) -> bool:
    return "resource_tracker" in " ".join(process.cmdline())
