"""From encoded bytes of any accepted kind to upright, opaque sRGB pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

from pipelines.images.bridge import from_pillow, to_pillow
from pipelines.images.colour import to_srgb
from pipelines.images.vips import libvips
from providers.fetch.probe import Format, probe
from providers.fetch.refusal import refusal

#: libvips' largest coordinate (VIPS_MAX_COORD): fits whatever passed the probe, so nothing is shrunk.
_UNLIMITED_PX = 10_000_000
#: Ratios from which a JPEG is decoded at an eighth, a quarter and half of its size. From 2.5 the SSIM against decoding
#: at full size stays above 0.99 (0.92 at 2.25), measured by `manage.py bench images`.
_JPEG_SHRINKS = ((16.0, 8), (8.0, 4), (2.5, 2))
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
    kind = probe(data, max_pixels=max_pixels, subject=subject).format
    header = _load(data, kind)
    if header.width * header.height > max_pixels:
        raise libvips().Error("the decoder sees more pixels than the header states")
    image = _load(data, kind, **_shrinking(kind, max(header.width, header.height) / max_px))
    return _opaque_srgb(image.thumbnail_image(max_px, height=max_px, size="down"))


def _load(data: bytes, kind: Format, **options: float) -> Any:
    """The picture as its loader will read it, in one pass; what is cut short or broken is an error.

    `data` is read where it is: the loaders that take a buffer copy it. libvips' own `thumbnail` does not hand `fail_on`
    to the loader (8.18), and would fill up with grey what is missing.
    """
    image = libvips().Image
    load = {"JPEG": image.jpegload_source, "PNG": image.pngload_source, "WEBP": image.webpload_source}[kind]
    return load(libvips().Source.new_from_memory(data), access="sequential", fail_on="error", **options)


def _shrinking(kind: Format, ratio: float) -> dict[str, float]:
    """How far a loader shrinks by itself, which is cheap, of the `ratio` by which the picture is to shrink.

    A JPEG only halves, without a filter, and leaves the rest to a good one; libvips' `thumbnail` leaves at least a
    factor of 2, and below a ratio of 4 decodes at full size.
    """
    if kind == "JPEG":
        return {"shrink": next((shrink for least, shrink in _JPEG_SHRINKS if ratio >= least), 1)}
    return {"scale": min(1.0, 1.0 / ratio)} if kind == "WEBP" else {}


def _opaque_srgb(image: Any) -> Any:
    profile = image.get(_PROFILE) if image.get_typeof(_PROFILE) else None
    if image.interpretation == "cmyk":
        image, profile = image.icc_transform("srgb", embedded=True, input_profile="cmyk"), None
    image = image.colourspace("b-w" if image.interpretation in ("b-w", "grey16") else "srgb").cast("uchar")
    if image.hasalpha():
        image = image.flatten(background=255)
    return image.colourspace("srgb") if profile is None else from_pillow(to_srgb(to_pillow(image), profile))
