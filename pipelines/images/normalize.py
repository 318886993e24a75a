"""Conversion of an input picture to the form that providers receive."""

from __future__ import annotations

from pipelines.images.decode import decode
from pipelines.images.encode import encode


def normalize(data: bytes, *, max_px: int, max_pixels: int, subject: str = "The picture", quality: int = 90) -> bytes:
    """Return the picture as a JPEG: upright, sRGB, opaque on white, without metadata.

    Args:
        data: JPEG, PNG or WebP bytes.
        max_px: Maximum length of the longest side, in pixels; a smaller picture keeps its size.
        max_pixels: Maximum number of pixels to decode.
        subject: Name of the picture in error messages.
        quality: libjpeg's scale, 1 to 95.

    Raises:
        InputRefused: `data` is not a picture of an accepted format, is too large, or is damaged.
    """
    return encode(decode(data, max_pixels=max_pixels, subject=subject, max_px=max_px), quality=quality)
