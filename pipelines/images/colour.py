"""Conversion from an embedded ICC profile to sRGB, the default of viewers without a profile."""

from __future__ import annotations

from functools import cache
from io import BytesIO

from PIL import Image, ImageCms


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the picture in mode RGB, converted to sRGB.

    A profile that is unreadable or belongs to another colour space is ignored, as viewers do.

    Args:
        image: Mode L or RGB.
        profile: The ICC profile of its pixels.
    """
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, _srgb(), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
    return converted or image.convert("RGB")


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
