"""Colours: from the profile a picture carries to sRGB, which everybody assumes where none is stated."""

from __future__ import annotations

from functools import cache
from io import BytesIO

from PIL import Image, ImageCms


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The picture in mode RGB, its numbers meaning sRGB.

    A profile that can't be read, or is not one for such a picture, is passed over as every viewer does.

    Args:
        image: Mode L or RGB.
        profile: The ICC profile that its numbers are in.
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
