"""What the C library does with freed memory."""

from __future__ import annotations

import ctypes

#: Parameters of glibc's mallopt(3), from its malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
#: The largest that glibc takes on 64-bit systems: half a heap of a thread (`HEAP_MAX_SIZE`), bytes.
_MMAP_BYTES = 32 * 1024 * 1024
#: Freed memory that is kept at the end of a heap, bytes: a few decoded pictures.
_TRIM_BYTES = 64 * 1024 * 1024


def keep_freed_memory() -> None:
    """Keep the memory of a picture for the next one instead of giving it back to the system.

    Otherwise each buffer of megabytes is unmapped when it is freed and its pages fault in again at the next picture.
    Where the C library is not glibc, nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)
