"""Decoding of JPEG, PNG and WebP to upright, opaque sRGB pixels."""

from __future__ import annotations

from typing import Any

from PIL import Image

from pipelines.images.colour import to_srgb
from pipelines.images.vips import libvips
from providers.pictures.errors import input_refused
from providers.pictures.probe import Format, ImageInfo, probe
from providers.pictures.upright import turn_upright

#: libvips' largest coordinate (VIPS_MAX_COORD): larger than any picture that `probe` accepts, so nothing is shrunk.
_UNLIMITED_PX = 10_000_000
#: Ratios from which a JPEG is decoded at an eighth, a quarter and half of its size. From 2.5 the SSIM against decoding
#: at full size stays above 0.99 (0.92 at 2.25), measured by `manage.py bench images`.
_JPEG_SHRINKS = ((16.0, 8), (8.0, 4), (2.5, 2))
_PROFILE = "icc-profile-data"


def decode(data: bytes, *, max_pixels: int, subject: str, max_px: int = _UNLIMITED_PX) -> Image.Image:
    """Return the picture in mode RGB, shrunk if its longest side exceeds `max_px` pixels.

    EXIF orientation is applied, 16-bit samples become 8-bit, transparency becomes white, and CMYK, palette and
    profiled colours become sRGB. The decoder gets only the parts of the file that change pixels.

    Raises:
        InputRefused: `data` is not a JPEG, PNG or WebP picture, has more than `max_pixels`, or is damaged.
    """
    info = probe(data, max_pixels=max_pixels, subject=subject)
    # Keep a reference: libvips reads it in place, until the pixels are written.
    essential = info.essential(data)
    try:
        return turn_upright(_rgb(_open(essential, info, max_px)), info.contents.orientation)
    except libvips().Error as error:
        # libvips decodes lazily: any of the steps above may find that the picture is damaged.
        raise input_refused(subject, "is damaged and can't be read", code="picture_damaged") from error


def _open(data: bytes, info: ImageInfo, max_px: int) -> Any:
    image = _load(data, info.format)
    width, height = image.width, image.height
    if (width, height) != (info.width, info.height):
        raise libvips().Error("the decoder sees another size than the header states")
    if shrinking := _loader_shrink(info.format, max(width, height) / max_px):
        image = _load(data, info.format, **shrinking)
    if max(width, height) > max_px:
        # Skip the step where possible: for a small picture it takes longer than the decoding.
        image = image.thumbnail_image(max_px, height=max_px, size="down")
    return image


def _load(data: bytes, kind: Format, **options: float) -> Any:
    """Return a lazily decoded picture, read in one pass; truncated or damaged data raises an error.

    A source reads `data` in place, while the loaders for buffers copy it. The `thumbnail` of libvips 8.18 does not pass
    `fail_on` to the loader and would fill missing pixels with grey.
    """
    image = libvips().Image
    load = {"JPEG": image.jpegload_source, "PNG": image.pngload_source, "WEBP": image.webpload_source}[kind]
    return load(libvips().Source.new_from_memory(data), access="sequential", fail_on="error", **options)


def _loader_shrink(kind: Format, ratio: float) -> dict[str, float]:
    """Return the loader options that do part of the shrinking by `ratio`, which is cheaper than to resample.

    The JPEG loader only halves, without a filter; the rest is resampled. libvips' `thumbnail` always leaves at least a
    factor of 2 to resample and decodes at full size below a ratio of 4.
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
