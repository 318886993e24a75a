"""From encoded bytes of any accepted kind to upright, opaque sRGB pixels."""

from __future__ import annotations

from typing import Any

from PIL import Image

from pipelines.images.colour import to_srgb
from pipelines.images.vips import libvips
from providers.pictures.errors import input_refused
from providers.pictures.probe import Format, probe

#: libvips' largest coordinate (VIPS_MAX_COORD): fits whatever passed the probe, so nothing is shrunk.
_UNLIMITED_PX = 10_000_000
#: Ratios from which a JPEG is decoded at an eighth, a quarter and half of its size. From 2.5 the SSIM against decoding
#: at full size stays above 0.99 (0.92 at 2.25), measured by `manage.py bench images`.
_JPEG_SHRINKS = ((16.0, 8), (8.0, 4), (2.5, 2))
_PROFILE, _ORIENTATION = "icc-profile-data", "orientation"


def decode(data: bytes, *, max_pixels: int, subject: str, max_px: int = _UNLIMITED_PX) -> Image.Image:
    """The picture in mode RGB, shrunk while decoding so that its longest side is at most `max_px`, never enlarged.

    EXIF orientation is applied, 16-bit samples become 8-bit, transparency is laid on white, and CMYK, palette and
    profiled colours become sRGB.

    Raises:
        InputRefused: It is no JPEG, PNG or WebP picture, has more than `max_pixels`, or is damaged.
    """
    kind = probe(data, max_pixels=max_pixels, subject=subject).format
    try:
        return _rgb(_open(data, kind, max_pixels, max_px))
    except libvips().Error as error:
        # Whatever libvips can't read, at whatever moment it notices, is the picture's fault.
        raise input_refused(subject, "is damaged and can't be read", code="picture_damaged") from error


def _open(data: bytes, kind: Format, max_pixels: int, max_px: int) -> Any:
    image = _load(data, kind)
    width, height = image.width, image.height
    if width * height > max_pixels:
        raise libvips().Error("the decoder sees more pixels than the header states")
    if shrinking := _shrinking(kind, max(width, height) / max_px):
        image = _load(data, kind, **shrinking)
    if max(width, height) > max_px or image.get_typeof(_ORIENTATION):
        # Each step costs more than the pixels of a small picture.
        image = image.thumbnail_image(max_px, height=max_px, size="down")
    return image


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
        return next(({"shrink": shrink} for least, shrink in _JPEG_SHRINKS if ratio >= least), {})
    return {"scale": 1.0 / ratio} if kind == "WEBP" and ratio > 1 else {}


def _rgb(image: Any) -> Image.Image:
    profile = image.get(_PROFILE) if image.get_typeof(_PROFILE) else None
    colours = image.interpretation
    if colours == "cmyk":
        image, profile = image.icc_transform("srgb", embedded=True, input_profile="cmyk"), None
    elif colours != "srgb" or image.format != "uchar":
        image = image.colourspace("b-w" if colours in ("b-w", "grey16") else "srgb").cast("uchar")
    if image.hasalpha():
        image = image.flatten(background=255)
    pixels = _pixels(image)
    return pixels.convert("RGB") if profile is None else to_srgb(pixels, profile)


def _pixels(image: Any) -> Image.Image:
    mode = "L" if image.bands == 1 else "RGB"
    return Image.frombuffer(mode, (image.width, image.height), image.write_to_memory(), "raw", mode, 0, 1)
