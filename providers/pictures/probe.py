"""Format and size of a picture, and the parts of its file that a decoder needs, read without decoding.

Every picture from outside passes `probe` before a decoder sees any of it. The walkers of the formats are plain Python:
they allocate nothing for pixels, and inflate nothing but a colour profile, up to a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from providers.pictures.contents import Contents, Size, Unreadable, Unsupported
from providers.pictures.errors import input_refused
from providers.pictures.jpeg import jpeg_size, read_jpeg
from providers.pictures.png import SIGNATURE, png_size, read_png
from providers.pictures.webp import read_webp, webp_size

Format = Literal["JPEG", "PNG", "WEBP"]

#: libjpeg's own limit (JPEG_MAX_DIMENSION): stored results are JPEG.
_MAX_SIDE = 65_500
#: Largest buffer of a decoder, bytes: with all the rest, decoding a picture takes less than 100 MB.
MAX_BUFFER_BYTES = 80_000_000

#: Number of bytes that identify the format.
SIGNATURE_BYTES = 12


@dataclass(frozen=True)
class ImageInfo:
    """A picture as its file states it: the format, and width and height in pixels before any EXIF orientation.

    Attributes:
        format: The format.
        width: Pixels.
        height: Pixels.
        contents: The parts of the file that a decoder needs, and the EXIF orientation.
    """

    format: Format
    width: int
    height: int
    contents: Contents = field(default=Contents(()), compare=False, repr=False)

    def essential(self, data: bytes) -> bytes:
        """Return the file that was probed, `data`, with nothing but the parts that a decoder needs."""
        if self.contents.parts == (slice(0, len(data)),):
            return data
        view = memoryview(data)
        return b"".join(part if isinstance(part, bytes) else view[part] for part in self.contents.parts)


def probe(data: bytes, *, max_pixels: int, subject: str = "The picture") -> ImageInfo:
    """Walk through the file and return the format, the size and the parts that a decoder needs.

    Args:
        data: An encoded picture, or anything else.
        max_pixels: Maximum number of pixels.
        subject: Name of the picture in messages to the user.

    Raises:
        InputRefused: The data is not a JPEG, PNG or still WebP picture, its structure is damaged, or decoding it
            takes too much memory.
    """
    name = recognise(data, subject=subject)
    read_size, read_contents = _READERS[name]
    try:
        width, height = read_size(data)
        _check_size(width, height, max_pixels, subject)
        contents = read_contents(data)
    except (Unreadable, IndexError) as error:
        raise input_refused(subject, "is damaged and can't be read", code="picture_damaged") from error
    except Unsupported as error:
        raise input_refused(subject, str(error), code="picture_type") from error
    if contents.buffer_bytes > MAX_BUFFER_BYTES:
        why = "takes too much memory to decode; please use a smaller picture or a plain JPEG"
        raise input_refused(subject, why, code="picture_too_many_pixels")
    return ImageInfo(name, width, height, contents)


def recognise(data: bytes, *, subject: str = "The picture") -> Format:
    """Return the format by the first `SIGNATURE_BYTES` bytes, regardless of name and Content-Type.

    Raises:
        InputRefused: The format is not accepted.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(SIGNATURE):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    raise input_refused(subject, "is not a JPEG, PNG or WebP picture", code="picture_type")


def _check_size(width: int, height: int, max_pixels: int, subject: str) -> None:
    if width * height > max_pixels:
        why = f"has more than {max_pixels / 1_000_000:g} megapixels"
        raise input_refused(subject, why, code="picture_too_many_pixels")
    if max(width, height) > _MAX_SIDE:
        raise input_refused(subject, f"has a side of more than {_MAX_SIDE} pixels", code="picture_too_many_pixels")


_READERS: dict[Format, tuple[Callable[[bytes], Size], Callable[[bytes], Contents]]] = {
    "JPEG": (jpeg_size, read_jpeg),
    "PNG": (png_size, read_png),
    "WEBP": (webp_size, read_webp),
}
