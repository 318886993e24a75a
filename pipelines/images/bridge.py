"""Between libvips, which decodes, shrinks and encodes, and Pillow, which knows profiles and letters."""

from __future__ import annotations

from typing import Any

from PIL import Image

from pipelines.images.vips import libvips


def to_pillow(image: Any) -> Image.Image:
    """Compute a libvips image of 8-bit grey or RGB: mode L or RGB.

    Raises:
        pyvips.Error: What it is computed from is damaged.
    """
    mode = "L" if image.bands == 1 else "RGB"
    return Image.frombuffer(mode, (image.width, image.height), image.write_to_memory(), "raw", mode, 0, 1)


def from_pillow(image: Image.Image) -> Any:
    """A Pillow image in mode RGB as a libvips image."""
    pixels = image.tobytes()
    return libvips().Image.new_from_memory(pixels, image.width, image.height, 3, "uchar").copy(interpretation="srgb")
