"""libvips, set up for pictures from strangers.

It decodes in strips and shrinks while it decodes, so a 40-megapixel picture costs some 100 MB where decoding it whole
costs up to 640 (WebP by Pillow). Imported on first use, in the worker that needs it: its threads don't survive a fork.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Any

_LOADERS = ("VipsForeignLoadJpeg", "VipsForeignLoadPng", "VipsForeignLoadWebp")


_first = threading.Lock()


def libvips() -> Any:
    """The `pyvips` module, with every loader but JPEG, PNG and WebP switched off.

    Nothing is cached between calls, so that no stranger's picture outlives its job; each call uses its own thread,
    because callers already run as many at a time as there are cores.
    """
    # Who comes while it is set up waits: a loader that is off for that moment would call a good picture damaged.
    with _first:
        return _set_up()


@cache
def _set_up() -> Any:
    # A damaged picture warns once per row; the error that follows says enough.
    os.environ["VIPS_WARNING"] = "1"
    import pyvips  # noqa: PLC0415  see above

    # pyvips' own log handler decodes messages as UTF-8 and fails on those that quote a damaged picture's bytes.
    pyvips._remove_log_handler()  # noqa: SLF001  there is no public switch

    pyvips.operation_block_set("VipsForeignLoad", True)  # noqa: FBT003  its signature
    for loader in _LOADERS:
        pyvips.operation_block_set(loader, False)  # noqa: FBT003  its signature
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    return pyvips
