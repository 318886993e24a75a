"""Decoding in the process of a test, in place of a decoder process."""

from __future__ import annotations

from pipelines.images.pixels import decode_pixels
from providers.pose.picture import DecodedPhoto


async def decode(data: bytes, *, max_pixels: int, subject: str) -> DecodedPhoto:
    """See `providers.pose.picture.Decode`."""
    return decode_pixels(data, max_pixels=max_pixels, subject=subject)
