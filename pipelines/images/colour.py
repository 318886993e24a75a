"""Colours: from the profile a picture carries to sRGB, which everybody assumes where none is stated."""

from __future__ import annotations

from functools import cache
from io import BytesIO

from PIL import Image, ImageCms

_SRGB_NAME = "sRGB"


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in mode RGB, its numbers meaning sRGB.

    A profile that can't be read, or is not one for such a picture, is passed over as every viewer does.

    Args:
        image: Mode L or RGB.
        profile: The ICC profile its numbers are in; None means sRGB.
    """
    if profile is not None:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, _srgb(), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None
        image = converted or image
    return image.convert("RGB")


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
