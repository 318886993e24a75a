"""Walks the chunks of a WebP file (RFC 9649). Only the picture, its alpha channel and its colours are passed on."""

from __future__ import annotations

import struct

from providers.pictures.contents import (
    MAX_PARTS,
    MAX_PROFILE_BYTES,
    Contents,
    Size,
    Unreadable,
    Unsupported,
    checked_size,
    field,
    little_endian,
)
from providers.pictures.orientation import exif_orientation

_HEADER_BYTES = 12
_EXTENDED, _LOSSY, _LOSSLESS = b"VP8X", b"VP8 ", b"VP8L"
_PROFILE, _ALPHA, _EXIF = b"ICCP", b"ALPH", b"EXIF"
#: Flags of the extended header.
_HAS_PROFILE, _HAS_ALPHA, _IS_ANIMATION = 0x20, 0x10, 0x02
_ONCE = frozenset({_EXTENDED, _LOSSY, _LOSSLESS, _PROFILE, _ALPHA})
#: A lossless picture is decoded as a whole, to 4 bytes a pixel; so is a compressed alpha channel, to 2 with its result.
_LOSSLESS_BYTES, _ALPHA_BYTES = 4, 2


def webp_size(data: bytes) -> Size:
    """Return width and height of the canvas.

    Raises:
        Unreadable: The first chunk is no header.
    """
    return _chunk_size(data, _HEADER_BYTES)


def read_webp(data: bytes) -> Contents:
    """Return a file of only the chunks that change pixels.

    Raises:
        Unreadable: The file is cut short, or the picture is not as large as its canvas.
        Unsupported: It is an animation.
    """
    found, orientation = _chunks(data)
    if _EXTENDED in found and data[20] & _IS_ANIMATION:
        raise Unsupported("is an animation, not a photo")
    picture = _LOSSLESS if _LOSSLESS in found else _LOSSY
    if picture not in found or _chunk_size(data, found[picture].start) != webp_size(data):
        raise Unreadable
    if found.keys() == {picture}:
        found.pop(_EXTENDED, None)
    wanted = [name for name in (_EXTENDED, _PROFILE, _ALPHA, picture) if name in found]
    if _PROFILE in found and found[_PROFILE].stop - found[_PROFILE].start > MAX_PROFILE_BYTES:
        wanted.remove(_PROFILE)
    return Contents(_file(data, [found[name] for name in wanted], wanted), orientation, _buffer_bytes(data, wanted))


def _chunks(data: bytes) -> tuple[dict[bytes, slice], int]:
    """Return the known chunks by name, and the orientation."""
    found: dict[bytes, slice] = {}
    at, orientation = _HEADER_BYTES, 1
    end = min(len(data), 8 + little_endian(data, 4, 4))
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            return found, orientation
        name, length = data[at : at + 4], little_endian(data, at + 4, 4)
        next_at = at + 8 + length + length % 2
        if name in found or (name in _ONCE and at + 8 + length > len(data)):
            raise Unreadable
        if name in _ONCE:
            found[name] = slice(at, min(next_at, len(data)))
        elif name == _EXIF:
            orientation = exif_orientation(data[at + 8 : at + 8 + length])
        at = next_at
    raise Unreadable


def _file(data: bytes, chunks: list[slice], names: list[bytes]) -> tuple[slice | bytes, ...]:
    """Return the parts of a file of these chunks, in this order."""
    size = sum(chunk.stop - chunk.start for chunk in chunks)
    header = b"RIFF" + struct.pack("<I", 4 + size) + b"WEBP"
    if names[0] != _EXTENDED:
        return header, *chunks
    flags = _HAS_PROFILE * (_PROFILE in names) | (data[20] & _HAS_ALPHA)
    extended = chunks[0]
    return (
        header + data[extended.start : extended.start + 8] + bytes([flags]),
        slice(extended.start + 9, extended.stop),
        *chunks[1:],
    )


def _chunk_size(data: bytes, at: int) -> Size:
    """Return the size that the chunk at `at` states."""
    name = data[at : at + 4]
    if name == _EXTENDED:
        return checked_size(little_endian(data, at + 12, 3) + 1, little_endian(data, at + 15, 3) + 1)
    if name == _LOSSY and data[at + 11 : at + 14] == b"\x9d\x01\x2a":
        return checked_size(little_endian(data, at + 14, 2) & 0x3FFF, little_endian(data, at + 16, 2) & 0x3FFF)
    if name == _LOSSLESS and field(data, at + 8, 1) == b"\x2f":
        bits = little_endian(data, at + 9, 4)
        return checked_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    raise Unreadable


def _buffer_bytes(data: bytes, names: list[bytes]) -> int:
    width, height = webp_size(data)
    return width * height * (_LOSSLESS_BYTES * (_LOSSLESS in names) + _ALPHA_BYTES * (_ALPHA in names))
