"""Decodes a picture into pixels for the pose model.

HEIC and AVIF are refused: their decoders are large native libraries, and pictures from strangers are decoded inside the
serving process. BMP and GIF are refused because cameras do not write them.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from providers.pictures.errors import input_refused
from providers.pictures.probe import probe

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The model's result is no better on larger pictures.
MAX_SIDE_PX = 1280
MAX_PIXELS = 40_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
#: EXIF orientations that swap width and height.
_LYING = frozenset({5, 6, 7, 8})
_ORIENTATION = 0x0112
#: What decoders raise on damaged bytes.
_UNDECODABLE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
)


class Picture(NamedTuple):
    """A decoded picture.

    Attributes:
        rgb: (h, w, 3) uint8 sRGB, upright, at most 1280 px long, contiguous.
        original_width, original_height: Upright, in pixels, before scaling.
    """

    rgb: NDArray[np.uint8]
    original_width: int
    original_height: int


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, subject: str = "The picture") -> Picture:
    """Decode a JPEG, PNG or WebP, with EXIF orientation applied and transparency on white.

    Raises:
        InputRefused: It is another kind, damaged, or its header states more than `max_pixels`.
    """
    probe(data, max_pixels=max_pixels, subject=subject)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return _decode(image)
    except _UNDECODABLE as error:
        raise input_refused(subject, "is damaged and can't be read", code="picture_damaged") from error


def _decode(image: Image.Image) -> Picture:
    width, height = image.size
    lying = image.getexif().get(_ORIENTATION) in _LYING
    image.draft("RGB", (MAX_SIDE_PX, MAX_SIDE_PX))
    small = _on_white(image)
    small.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    upright = ImageOps.exif_transpose(small)
    original = (height, width) if lying else (width, height)
    return Picture(np.ascontiguousarray(np.asarray(upright, dtype=np.uint8)), *original)


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, "white")
    ground.alpha_composite(rgba)
    flat = ground.convert("RGB")
    flat.info["exif"] = image.getexif().tobytes()
    return flat
