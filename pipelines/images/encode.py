"""From pixels to a JPEG file that holds nothing but what is handed in."""

from __future__ import annotations

from typing import Any

from pipelines.images.vips import libvips


def encode(image: Any, *, quality: int, xmp: bytes | None = None) -> bytes:
    """A baseline JPEG, 4:2:0, without metadata but `xmp`.

    Args:
        image: A libvips image, 8-bit sRGB, at most 65,500 pixels a side.
        quality: libjpeg's scale, 1 to 95.
        xmp: An XMP packet to embed.

    Raises:
        pyvips.Error: What the image is computed from is damaged.
    """
    keep = "none"
    if xmp is not None:
        image, keep = image.copy(), "xmp"
        image.set_type(libvips().GValue.blob_type, "xmp-data", xmp)
    return bytes(image.jpegsave_buffer(Q=quality, keep=keep, subsample_mode="on"))
