"""What a decoder does with a picture: the image functions, with plain arguments and results."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image

from pipelines.decoders.wire import Frame
from pipelines.images import finish, normalize
from pipelines.images.decode import decode
from pipelines.images.vips import libvips


def load() -> None:
    """Load the libraries, before decoders are forked: no thread is started."""
    libvips()
    Image.init()


def warm_up() -> None:
    """Use every library once: nothing can be loaded later, and the first picture is not slower than the others."""
    for name in ("JPEG", "PNG", "WEBP"):
        file = BytesIO()
        Image.new("RGB", (64, 64)).save(file, name)
        _pixels(file.getvalue(), max_pixels=64 * 64, max_px=16)
        _finish(file.getvalue(), max_pixels=64 * 64, credit="", product="", watermark_text="warm-up")


def _normalize(data: bytes, **options: Any) -> Frame:
    return {}, normalize(data, **options)


def _finish(data: bytes, **options: Any) -> Frame:
    finished = finish(data, **options)
    return {"width": finished.width, "height": finished.height}, finished.data


def _pixels(data: bytes, **options: Any) -> Frame:
    image = decode(data, subject="The picture", **options)
    return {"width": image.width, "height": image.height}, image.tobytes()


OPERATIONS: dict[str, Callable[..., Frame]] = {"normalize": _normalize, "finish": _finish, "pixels": _pixels}
