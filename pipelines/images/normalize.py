"""An input picture as providers get it."""

from __future__ import annotations

from pipelines.images.decode import decode
from pipelines.images.encode import encode


def normalize(data: bytes, *, max_px: int, max_pixels: int, subject: str = "The picture", quality: int = 90) -> bytes:
    """A JPEG of the picture: upright, sRGB, on white, without metadata.

    Args:
        data: JPEG, PNG or WebP bytes.
        max_px: The longest side of the result in pixels; a smaller picture keeps its size.
        max_pixels: The most pixels that are decoded.
        subject: How the picture is named to the user.
        quality: libjpeg's scale, 1 to 95.

    Raises:
        InputRefused: It is no picture of an accepted kind, too large, or damaged.
    """
    return encode(decode(data, max_pixels=max_pixels, subject=subject, max_px=max_px), quality=quality)
