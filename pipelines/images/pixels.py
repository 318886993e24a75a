"""Decoding of a picture for the pose model."""

from __future__ import annotations

import numpy as np

from pipelines.images.decode import decode
from providers.pictures.probe import ImageInfo, probe
from providers.pictures.upright import SIDEWAYS
from providers.pose.picture import MAX_PIXELS, MAX_SIDE_PX, DecodedPhoto


def decode_pixels(data: bytes, *, max_pixels: int = MAX_PIXELS, subject: str = "The picture") -> DecodedPhoto:
    """Return the pixels of a JPEG, PNG or WebP, in this process: of pictures that strangers sent, use `Decoders`.

    Raises:
        InputRefused: It is another kind, damaged, or its header states more than `max_pixels`.
    """
    info = probe(data, max_pixels=max_pixels, subject=subject)
    image = decode(data, max_pixels=max_pixels, subject=subject, max_px=MAX_SIDE_PX)
    return to_picture(image.tobytes(), image.width, image.height, info)


def to_picture(pixels: bytes, width: int, height: int, info: ImageInfo) -> DecodedPhoto:
    """Return the picture of these RGB samples; `info` is what its file stated."""
    rgb = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    upright = (info.height, info.width) if info.contents.orientation in SIDEWAYS else (info.width, info.height)
    return DecodedPhoto(rgb, *upright)
