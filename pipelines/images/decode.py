"""From encoded bytes of any accepted kind to upright, opaque sRGB pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

from pipelines.images.bridge import from_pillow, to_pillow
from pipelines.images.colour import to_srgb
from pipelines.images.vips import libvips
from providers.fetch.probe import probe, recognise
from providers.fetch.refusal import refusal

#: libvips' largest coordinate (VIPS_MAX_COORD): fits whatever passed the probe, so nothing is shrunk.
_UNLIMITED_PX = 10_000_000
#: Between these ratios we ask for the half-size decode ourselves: from 2.5 the SSIM against full-size decoding stays
#: above 0.99 (at 2.25 it was 0.92, measured by `manage.py bench images`); from 4 on libvips does.
_HALVED_FROM, _LIBVIPS_HALVES_FROM = 2.5, 4.0
_PROFILE = "icc-profile-data"


@contextmanager
def damage_refused(subject: str) -> Iterator[None]:
    """What libvips can't read, at whatever moment it notices, is the picture's fault.

    Raises:
        InputRefused: The picture is damaged.
    """
    try:
        yield
    except libvips().Error as error:
        raise refusal(subject, "is damaged and can't be read", code="picture_damaged") from error


def decode(data: bytes, *, max_pixels: int, subject: str) -> Image.Image:
    """The whole picture in mode RGB, as `open_upright` describes it.

    Raises:
        InputRefused: It is no JPEG, PNG or WebP picture, has more than `max_pixels`, or is damaged.
    """
    with damage_refused(subject):
        return to_pillow(open_upright(data, max_pixels=max_pixels, subject=subject))


def open_upright(data: bytes, *, max_pixels: int, subject: str, max_px: int = _UNLIMITED_PX) -> Any:
    """A picture, shrunk while decoding so that its longest side is at most `max_px`, never enlarged.

    EXIF orientation is applied, 16-bit samples become 8-bit, transparency is laid on white, and CMYK, palette and
    profiled colours become sRGB.

    Returns:
        A libvips image, 8-bit sRGB in three bands. It is computed when it is encoded: `data` must be held until then,
        and `damage_refused` belongs around that.

    Raises:
        InputRefused: It is no JPEG, PNG or WebP picture, or has more than `max_pixels`.
        pyvips.Error: It is damaged.
    """
    probe(data, max_pixels=max_pixels, subject=subject)
    header = libvips().Image.new_from_source(_source(data), "", access="sequential", fail_on="error")
    if header.width * header.height > max_pixels:
        raise libvips().Error("the decoder sees more pixels than the header states")
    return _opaque_srgb(_thumbnail(data, max(header.width, header.height) / max_px, max_px))


def _thumbnail(data: bytes, ratio: float, max_px: int) -> Any:
    """Shrink by `ratio`, where a JPEG may be halved within its decoder for two thirds of the time.

    libvips by itself leaves a factor of 2 to its own resizing, which below a ratio of 4 means decoding at full size.
    """
    image = libvips().Image
    if _HALVED_FROM <= ratio < _LIBVIPS_HALVES_FROM and recognise(data) == "JPEG":
        half = image.jpegload_source(_source(data), shrink=2, access="sequential", fail_on="error")
        return half.thumbnail_image(max_px, height=max_px, size="down")
    return image.thumbnail_source(_source(data), max_px, height=max_px, size="down", fail_on="error")


def _source(data: bytes) -> Any:
    """`data` where it is; libvips' calls that take a buffer copy it."""
    return libvips().Source.new_from_memory(data)


def _opaque_srgb(image: Any) -> Any:
    profile = image.get(_PROFILE) if image.get_typeof(_PROFILE) else None
    if image.interpretation == "cmyk":
        image, profile = image.icc_transform("srgb", embedded=True, input_profile="cmyk"), None
    image = image.colourspace("b-w" if image.interpretation in ("b-w", "grey16") else "srgb").cast("uchar")
    if image.hasalpha():
        image = image.flatten(background=255)
    return image.colourspace("srgb") if profile is None else from_pillow(to_srgb(to_pillow(image), profile))
