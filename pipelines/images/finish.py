"""A generated picture as it is stored."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.images.decode import decode
from pipelines.images.encode import encode
from pipelines.images.marking import marking
from pipelines.images.watermark import draw_watermark
from schemas.errors import InputRefused, Transient

_QUALITY = 92


@dataclass(frozen=True)
class FinishedImage:
    """A JPEG and its size in pixels."""

    data: bytes = field(repr=False)
    width: int
    height: int


def finish(data: bytes, *, credit: str, product: str, max_pixels: int, watermark_text: str | None) -> FinishedImage:
    """Whatever the provider returned as a real JPEG that says, to machines, that it was generated.

    Args:
        data: JPEG, PNG or WebP bytes from a provider.
        credit: Goes into the metadata as the credit.
        product: Goes into the metadata as the tool that made it.
        max_pixels: The most pixels that are decoded.
        watermark_text: Written onto the picture; None leaves it as it is.

    Raises:
        Transient: The provider's answer is no picture (code `bad_picture`).
    """
    try:
        image = decode(data, max_pixels=max_pixels, subject="The generated picture")
    except InputRefused as error:
        raise Transient(f"the provider returned no usable picture: {error.error_code}", code="bad_picture") from error
    if watermark_text is not None:
        draw_watermark(image, watermark_text)
    jpeg = encode(image, quality=_QUALITY, xmp=marking(credit=credit, product=product))
    return FinishedImage(jpeg, image.width, image.height)
