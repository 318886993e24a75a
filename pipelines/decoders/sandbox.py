"""The limits of a decoder process: memory, CPU time, files, and the system calls that it never needs."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from pipelines.decoders import syscalls

#: Options of prctl(2), from linux/prctl.h.
_PR_SET_PDEATHSIG = 1
#: The kernel's out-of-memory killer takes a decoder before anything else.
_OOM_SCORE = "1000"


@dataclass(frozen=True)
class DecoderLimits:
    """Limits of a decoder process.

    Attributes:
        memory_bytes: Address space that a picture may take, besides what the libraries take.
        cpu_s: CPU seconds of one picture, rounded up to the next second by the kernel.
        wall_s: Seconds of one picture; generous, since the machine may be busy.
        pictures: Number of pictures after which a process is replaced.
    """

    memory_bytes: int = 256 * 1024 * 1024
    cpu_s: int = 4
    wall_s: float = 60.0
    pictures: int = 500


def enter(limits: DecoderLimits, parent: int) -> None:
    """Give up, for good, what a decoder does not need. Call this after everything has been loaded.

    Args:
        limits: The memory limit, and the CPU time of all pictures.
        parent: Process whose end also ends this one.
    """
    _die_with(parent)
    _raise_oom_score()
    for name, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(name, (value, value))
    if address_space := _address_space_bytes():
        most = address_space + limits.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    lifetime_s = limits.cpu_s * (limits.pictures + 1)
    resource.setrlimit(resource.RLIMIT_CPU, (lifetime_s, lifetime_s))
    syscalls.deny()


def limit_cpu(limits: DecoderLimits) -> None:
    """Allow `limits.cpu_s` more seconds of CPU time, up to that of the process; the kernel then ends the process."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = min(math.ceil(time.process_time()) + limits.cpu_s, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _die_with(parent: int) -> None:
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the call
        os._exit(0)


def _raise_oom_score() -> None:
    file = Path("/proc/self/oom_score_adj")
    if file.exists():
        file.write_text(_OOM_SCORE, encoding="ascii")


def _address_space_bytes() -> int | None:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except FileNotFoundError:  # not Linux
        return None
    return pages * resource.getpagesize()
