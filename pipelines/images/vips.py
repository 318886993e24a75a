"""libvips, configured for untrusted pictures.

libvips decodes in strips and shrinks while it decodes: a 40-megapixel picture takes about 100 MB, while a full decode
takes up to 640 MB (WebP in Pillow). It is imported on first use because its threads don't survive a fork.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Any

_LOADERS = ("VipsForeignLoadJpeg", "VipsForeignLoadPng", "VipsForeignLoadWebp")

_set_up_lock = threading.Lock()


def libvips() -> Any:
    """The `pyvips` module, with every loader but JPEG, PNG and WebP switched off.

    Results are not cached, so that no picture outlives its job. Each call uses one thread because callers already run
    one call per core.
    """
    # Until the set-up is complete all loaders are blocked, and a valid picture would be refused as damaged.
    with _set_up_lock:
        return _set_up()


@cache
def _set_up() -> Any:
    # A damaged picture logs a warning per row; the error that follows is enough.
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
