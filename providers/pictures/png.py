"""Walks the chunks of a PNG file (PNG Specification, third edition).

Only the chunks that change pixels are passed on: compressed text and unknown chunks may inflate to gigabytes.
"""

from __future__ import annotations

import zlib

from providers.pictures.contents import (
    MAX_PARTS,
    MAX_PROFILE_BYTES,
    Contents,
    Parts,
    Size,
    Unreadable,
    big_endian,
    checked_size,
    field,
)
from providers.pictures.orientation import exif_orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FIRST = b"\x00\x00\x00\x0dIHDR"
#: Chunks that occur once at most.
_ONCE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"IEND"})
_EXIF, _PROFILE, _PIXELS, _END = b"eXIf", b"iCCP", b"IDAT", b"IEND"
#: Samples per pixel by colour type, as decoded: a palette becomes RGB.
_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_DEEP_BITS = 16
#: Rows that libvips keeps while it shrinks a picture, as a share of the longest side; measured.
_ROWS_SHARE = 0.3
#: Length, name and checksum of a chunk, bytes.
_FRAME_BYTES = 12
_MAX_NAME_BYTES = 79
#: Bit of a chunk's name that marks it as ancillary.
_ANCILLARY = 0x20


def png_size(data: bytes) -> Size:
    """Return width and height.

    Raises:
        Unreadable: The file does not begin with a header.
    """
    if data[8:16] != _FIRST:
        raise Unreadable
    return checked_size(big_endian(data, 16, 4), big_endian(data, 20, 4))


def read_png(data: bytes) -> Contents:
    """Return the chunks that change pixels.

    Raises:
        Unreadable: The file is cut short, a chunk occurs twice that may not, or a critical chunk is unknown.
    """
    parts, seen, orientation = Parts(), set[bytes](), 1
    parts.keep(0, len(SIGNATURE))
    at = len(SIGNATURE)
    for _ in range(MAX_PARTS):
        length, name = big_endian(data, at, 4), field(data, at + 4, 4)
        end = at + _FRAME_BYTES + length
        if end > len(data) or (name in seen and name in _ONCE):
            raise Unreadable
        if name == _EXIF:
            orientation = exif_orientation(data[at + 8 : end - 4])
        elif name == _PIXELS or (name in _ONCE and (name != _PROFILE or _is_small(data[at + 8 : end - 4]))):
            parts.keep(at, end)
        elif not name[0] & _ANCILLARY:
            raise Unreadable
        seen.add(name)
        if name == _END:
            return Contents(parts.found(), orientation, _buffer_bytes(data, has_alpha=b"tRNS" in seen))
        at = end
    raise Unreadable


def _is_small(profile: bytes) -> bool:
    """Return whether the colour profile in a chunk is intact and inflates to no more than `MAX_PROFILE_BYTES`."""
    name, _, rest = profile[: _MAX_NAME_BYTES + 1].partition(b"\0")
    if not rest and len(profile) <= len(name) + 2:
        return False
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(profile[len(name) + 2 :], MAX_PROFILE_BYTES)
    except zlib.error:
        return False
    return inflater.eof


def _buffer_bytes(data: bytes, *, has_alpha: bool) -> int:
    """Return the size of the rows that are in memory at a time: all of an interlaced picture."""
    depth, colour, interlaced = data[24], data[25], data[28]
    if colour not in _SAMPLES:
        raise Unreadable
    width, height = png_size(data)
    rows = height if interlaced else min(height, round(max(width, height) * _ROWS_SHARE))
    return width * rows * (_SAMPLES[colour] + has_alpha) * (2 if depth == _DEEP_BITS else 1)
