"""Conversion of a generated picture to its stored form."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.images.decode import decode
from pipelines.images.encode import encode
from pipelines.images.marking import xmp_packet
from pipelines.images.watermark import draw_watermark
from schemas.errors import InputRefused, Transient

_QUALITY = 92
#: Maximum length of the longest side, pixels: bounds the memory of a picture that is not shrunk.
_MAX_PX = 4096


@dataclass(frozen=True)
class FinishedImage:
    """A JPEG and its size in pixels."""

    data: bytes = field(repr=False)
    width: int
    height: int


def finish(data: bytes, *, credit: str, product: str, max_pixels: int, watermark_text: str | None) -> FinishedImage:
    """Convert a provider's picture to a JPEG with XMP metadata that marks it as generated.

    A picture of more than 4096 pixels on its longest side is shrunk to that.

    Args:
        data: JPEG, PNG or WebP bytes from a provider.
        credit: Credit line for the metadata.
        product: Creator tool for the metadata.
        max_pixels: Maximum number of pixels to decode.
        watermark_text: Text to draw onto the picture; None draws nothing.

    Raises:
        Transient: The provider's data is not a usable picture (code `bad_picture`).
    """
    try:
        image = decode(data, max_pixels=max_pixels, subject="The generated picture", max_px=_MAX_PX)
    except InputRefused as error:
        raise Transient(f"the provider returned no usable picture: {error.error_code}", code="bad_picture") from error
    if watermark_text is not None:
        draw_watermark(image, watermark_text)
    jpeg = encode(image, quality=_QUALITY, xmp=xmp_packet(credit=credit, product=product))
    return FinishedImage(jpeg, image.width, image.height)
