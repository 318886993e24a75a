"""Decodes a picture into pixels for the pose model.

HEIC and AVIF are refused: their decoders are large native libraries, and pictures from strangers are decoded inside the
serving process. BMP and GIF are refused because cameras do not write them.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from providers.pictures.errors import input_refused
from providers.pictures.probe import probe
from providers.pictures.upright import SIDEWAYS, turn_upright

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The model's result is no better on larger pictures.
MAX_SIDE_PX = 1280
MAX_PIXELS = 40_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
#: What decoders raise on damaged bytes.
_UNDECODABLE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
)


class DecodedPhoto(NamedTuple):
    """A decoded photo.

    Attributes:
        rgb: (h, w, 3) uint8 sRGB, upright, at most 1280 px long, contiguous.
        original_width, original_height: Upright, in pixels, before scaling.
    """

    rgb: NDArray[np.uint8]
    original_width: int
    original_height: int


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, subject: str = "The picture") -> DecodedPhoto:
    """Decode a JPEG, PNG or WebP, with EXIF orientation applied and transparency on white.

    Raises:
        InputRefused: It is another kind, damaged, or its header states more than `max_pixels`.
    """
    info = probe(data, max_pixels=max_pixels, subject=subject)
    try:
        with Image.open(io.BytesIO(info.essential(data)), formats=FORMATS) as image:
            if image.size != (info.width, info.height):
                raise ValueError("the decoder sees another size than the header states")
            return _decode(image, info.contents.orientation)
    except _UNDECODABLE as error:
        raise input_refused(subject, "is damaged and can't be read", code="picture_damaged") from error


def _decode(image: Image.Image, orientation: int) -> DecodedPhoto:
    width, height = image.size
    image.draft("RGB", (MAX_SIDE_PX, MAX_SIDE_PX))
    image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    upright = turn_upright(_on_white(image), orientation)
    original = (height, width) if orientation in SIDEWAYS else (width, height)
    return DecodedPhoto(np.ascontiguousarray(np.asarray(upright, dtype=np.uint8)), *original)


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, "white")
    ground.alpha_composite(rgba)
    return ground.convert("RGB")
