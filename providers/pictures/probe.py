"""Format and size of a picture, read from its header without decoding.

No memory is allocated for the pixels, whereas opening a WebP file with Pillow allocates its whole canvas.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from providers.pictures.errors import input_refused

Format = Literal["JPEG", "PNG", "WEBP"]
Size = tuple[int, int]

#: libjpeg's own limit (JPEG_MAX_DIMENSION): stored results are JPEG.
_MAX_SIDE = 65_500
#: Progressive files have about 10. Each scan costs a pass over the whole picture, however few bytes it has, so a file
#: of a few kilobytes could occupy a core for minutes (libjpeg-turbo, "Two issues with the JPEG standard").
_MAX_SCANS = 64
#: Maximum number of parsed marker segments; large metadata in 64-KB segments takes a few hundred.
_MAX_SEGMENTS = 4096

#: Number of bytes that identify the format.
SIGNATURE_BYTES = 12

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Huffman-coded, not progressive: every scan takes bytes for every block, so the file's size bounds the work.
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN = b"\xff\xda"
_END = b"\xff\xd9"
#: The end of a scan's data: any marker but a stuffed byte, a restart or a fill byte.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True)
class ImageInfo:
    """Contents of the header: the format, and width and height in pixels before any EXIF orientation."""

    format: Format
    width: int
    height: int


class _Unreadable(Exception):  # noqa: N818  never leaves this module
    """The header is damaged."""


def probe(data: bytes, *, max_pixels: int, subject: str = "The picture") -> ImageInfo:
    """Read the header and return the format and size.

    Args:
        data: An encoded picture, or anything else.
        max_pixels: Maximum number of pixels.
        subject: Name of the picture in messages to the user.

    Raises:
        InputRefused: The data is not a JPEG, PNG or still WebP picture, its header is damaged, or it is too large.
    """
    name = recognise(data, subject=subject)
    try:
        width, height = _READERS[name](data)
    except (_Unreadable, IndexError) as error:
        raise input_refused(subject, "is damaged and can't be read", code="picture_damaged") from error
    if width * height > max_pixels:
        why = f"has more than {max_pixels / 1_000_000:g} megapixels"
        raise input_refused(subject, why, code="picture_too_many_pixels")
    if max(width, height) > _MAX_SIDE:
        raise input_refused(subject, f"has a side of more than {_MAX_SIDE} pixels", code="picture_too_many_pixels")
    if name == "WEBP" and data[12:16] == b"VP8X" and data[20] & 0x02:
        raise input_refused(subject, "is an animation, not a photo", code="picture_type")
    return ImageInfo(name, width, height)


def recognise(data: bytes, *, subject: str = "The picture") -> Format:
    """Return the format by the first `SIGNATURE_BYTES` bytes, regardless of name and Content-Type.

    Raises:
        InputRefused: The format is not accepted.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    raise input_refused(subject, "is not a JPEG, PNG or WebP picture", code="picture_type")


def _png_size(data: bytes) -> Size:
    if data[8:16] != b"\x00\x00\x00\x0dIHDR":
        raise _Unreadable
    return _checked_size(_big_endian(data, 16, 4), _big_endian(data, 20, 4))


def _webp_size(data: bytes) -> Size:
    if data[12:16] == b"VP8X":
        return _checked_size(_little_endian(data, 24, 3) + 1, _little_endian(data, 27, 3) + 1)
    if data[12:16] == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return _checked_size(_little_endian(data, 26, 2) & 0x3FFF, _little_endian(data, 28, 2) & 0x3FFF)
    if data[12:16] == b"VP8L" and data[20:21] == b"\x2f":
        bits = _little_endian(data, 21, 4)
        return _checked_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    raise _Unreadable


def _jpeg_size(data: bytes) -> Size:
    at = 2
    for _ in range(_MAX_SEGMENTS):
        at = data.find(b"\xff", at)
        marker = data[at + 1]
        if at < 0 or marker in (0xD9, 0xDA):  # the end, or pixels, before any size
            break
        if marker in _SOF:
            if marker not in _SEQUENTIAL and not _has_few_scans(data):
                break
            return _checked_size(_big_endian(data, at + 7, 2), _big_endian(data, at + 5, 2))
        at += _segment_length(data, at) if marker not in (0x00, 0xFF) else 1
    raise _Unreadable


def _segment_length(data: bytes, at: int) -> int:
    """Return the length of the marker segment at `at` in bytes, including its marker."""
    return 2 if data[at + 1] in _WITHOUT_LENGTH else 2 + max(_big_endian(data, at + 2, 2), 2)


def _has_few_scans(data: bytes) -> bool:
    """Return whether the scans up to the end of the picture, without metadata and trailer, are within the limit."""
    if data.count(_SCAN) <= _MAX_SCANS:
        return True
    at, scans = 2, 0
    for _ in range(_MAX_SEGMENTS):
        found = _NEXT_MARKER.search(data, at)
        if not found or found.group() == _END:
            return True
        scans += found.group() == _SCAN
        if scans > _MAX_SCANS:
            return False
        at = found.start() + _segment_length(data, found.start())
    return False


def _checked_size(width: int, height: int) -> Size:
    if not width or not height:
        raise _Unreadable
    return width, height


def _big_endian(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_field(data, at, size), "big")


def _little_endian(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_field(data, at, size), "little")


def _field(data: bytes, at: int, size: int) -> bytes:
    if len(field := data[at : at + size]) < size:
        raise _Unreadable
    return field


_READERS: dict[Format, Callable[[bytes], Size]] = {"JPEG": _jpeg_size, "PNG": _png_size, "WEBP": _webp_size}
