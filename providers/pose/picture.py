"""The decoded picture that the pose model is given. `pipelines.images.pixels` and `pipelines.decoders` make it.

HEIC and AVIF are refused: their decoders are large native libraries. BMP and GIF are refused because cameras do not
write them.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The model's result is no better on larger pictures.
MAX_SIDE_PX = 1280
MAX_PIXELS = 40_000_000


class DecodedPhoto(NamedTuple):
    """A decoded photo.

    Attributes:
        rgb: (h, w, 3) uint8 sRGB, upright, at most 1280 px long, contiguous.
        original_width, original_height: Upright, in pixels, before scaling.
    """

    rgb: NDArray[np.uint8]
    original_width: int
    original_height: int


class Decode(Protocol):
    """Decodes an encoded picture off the event loop."""

    def __call__(self, data: bytes, *, max_pixels: int, subject: str) -> Awaitable[DecodedPhoto]:
        """Return the pixels of a JPEG, PNG or WebP.

        Raises:
            InputRefused: It is another kind, damaged, or too large.
        """
