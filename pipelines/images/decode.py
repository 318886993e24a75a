"""From encoded bytes of any accepted kind to upright, opaque sRGB pixels."""

from __future__ import annotations

from typing import Any

from PIL import Image

from pipelines.images.colour import to_srgb
from pipelines.images.vips import libvips
from providers.fetch.probe import probe
from providers.fetch.refusal import refusal

#: libvips' largest coordinate (VIPS_MAX_COORD): fits whatever passed the probe, so nothing is shrunk.
_UNLIMITED_PX = 10_000_000
_PROFILE = "icc-profile-data"


def decode(data: bytes, *, max_pixels: int, subject: str, max_px: int = _UNLIMITED_PX) -> Image.Image:
    """Decode a picture, shrunk while decoding so that its longest side is at most `max_px`, never enlarged.

    EXIF orientation is applied, 16-bit samples become 8-bit, transparency is laid on white, and CMYK, grey, palette
    and profiled colours become sRGB.

    Returns:
        A picture in mode RGB without any metadata.

    Raises:
        InputRefused: It is no JPEG, PNG or WebP picture, has more than `max_pixels`, or is damaged.
    """
    probe(data, max_pixels=max_pixels, subject=subject)
    try:
        image, profile = _upright(data, max_pixels, max_px)
        pixels = image.write_to_memory()
    except libvips().Error as error:
        raise refusal(subject, "is damaged and can't be read", code="picture_damaged") from error
    mode = "L" if image.bands == 1 else "RGB"
    return to_srgb(Image.frombuffer(mode, (image.width, image.height), pixels, "raw", mode, 0, 1), profile)


def _upright(data: bytes, max_pixels: int, max_px: int) -> tuple[Any, bytes | None]:
    """The picture as libvips will compute it, 8-bit grey or RGB, and the profile its numbers are still to be read in.

    Raises:
        pyvips.Error: It is damaged, or the decoder sees more pixels than the probe did.
    """
    vips = libvips()
    header = vips.Image.new_from_buffer(data, "", access="sequential", fail_on="error")
    if header.width * header.height > max_pixels:
        raise vips.Error("the decoder sees more pixels than the header states")
    image = vips.Image.thumbnail_buffer(data, max_px, height=max_px, size="down", fail_on="error")
    profile = image.get(_PROFILE) if image.get_typeof(_PROFILE) else None
    if image.interpretation == "cmyk":
        image, profile = image.icc_transform("srgb", embedded=True, input_profile="cmyk"), None
    image = image.colourspace("b-w" if image.interpretation in ("b-w", "grey16") else "srgb").cast("uchar")
    return (image.flatten(background=255) if image.hasalpha() else image), profile
