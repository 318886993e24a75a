"""libvips, set up for pictures from strangers.

It decodes in strips and shrinks while it decodes, so a 40-megapixel picture costs some 100 MB where decoding it whole
costs up to 640 (WebP by Pillow). Imported on first use, in the worker that needs it: its threads don't survive a fork.
"""

from __future__ import annotations

import logging
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
    import pyvips  # noqa: PLC0415  see above

    pyvips.operation_block_set("VipsForeignLoad", True)  # noqa: FBT003  its signature
    for loader in _LOADERS:
        pyvips.operation_block_set(loader, False)  # noqa: FBT003  its signature
    logging.getLogger("pyvips").setLevel(logging.ERROR)  # a broken picture warns once a row; its error says enough
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    return pyvips
