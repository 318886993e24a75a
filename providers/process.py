"""Set-up and identity of the running process."""

from __future__ import annotations

import ctypes
import os
import socket

#: Parameters of glibc's mallopt(3), from its malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
#: Maximum that glibc accepts on 64-bit systems: half a heap of a thread (`HEAP_MAX_SIZE`), bytes.
_MMAP_BYTES = 32 * 1024 * 1024
#: Freed memory kept at the end of a heap, bytes: a few decoded pictures.
_TRIM_BYTES = 64 * 1024 * 1024


def keep_freed_memory() -> None:
    """Keep freed memory for the next picture instead of returning it to the system.

    Otherwise each buffer of megabytes is unmapped when it is freed, and its pages fault in again at the next picture.
    Does nothing where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)


def limit_malloc_arenas() -> None:
    """Let all threads share one heap: each further heap takes 64 MB of address space, which may be limited.

    Does nothing where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def container_name() -> str:
    """Return a name that all processes of this container share and no others have; on a bare host, the host's.

    A health check compares it with the names in workers' heartbeats. The containers of one pod share the host name, so
    the name includes the namespace of process ids.
    """
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116  the link's target is not a path
    except FileNotFoundError:  # not Linux
        namespace = 0
    return f"{socket.gethostname()}/{namespace}"
