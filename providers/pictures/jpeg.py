"""Walks the segments of a JPEG file (ITU-T T.81) and counts its scans.

Only the segments that change pixels are passed on. Each scan costs a pass over the whole picture, however few bytes it
has, so that a file of a few kilobytes could occupy a core for minutes (libjpeg-turbo, "Two issues with the JPEG
standard").
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from providers.pictures.contents import (
    MAX_PROFILE_BYTES,
    Contents,
    Parts,
    Size,
    Unreadable,
    Unsupported,
    big_endian,
    checked_size,
    field,
)
from providers.pictures.orientation import exif_orientation

#: Progressive files have about 10 scans, sequential ones one for each component at most.
MAX_PROGRESSIVE_SCANS, MAX_SEQUENTIAL_SCANS = 64, 4
#: Maximum number of segments; large metadata in 64-KB segments takes a few hundred.
_MAX_SEGMENTS = 4096

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Huffman-coded frames of 8-bit samples: baseline, extended sequential and progressive.
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
#: Tables that decoding needs: Huffman, quantisation, restart interval.
_TABLES = frozenset({0xC4, 0xDB, 0xDD})
_SOS, _EOI = 0xDA, 0xD9
#: Application segments that change colours, by marker: the beginning of their contents.
_COLOURS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_ICC, _APP1, _EXIF = 0xE2, 0xE1, b"Exif\0\0"
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN = b"\xff\xda"
_END = b"\xff\xd9"
#: The end of a scan's data: any marker but a stuffed byte, a restart or a fill byte.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_COEFFICIENT_BYTES = 2
_MAX_SAMPLING = 4


def jpeg_size(data: bytes) -> Size:
    """Return width and height.

    Raises:
        Unreadable: There is no frame before the first scan.
    """
    frame = next((at for marker, at, _ in _segments(data) if marker in _SOF), None)
    if frame is None:
        raise Unreadable
    return checked_size(big_endian(data, frame + 7, 2), big_endian(data, frame + 5, 2))


def read_jpeg(data: bytes) -> Contents:
    """Return the segments that change pixels.

    Raises:
        Unreadable: The structure is damaged, or the file has more scans than a picture needs.
        Unsupported: The frame is arithmetic-coded, lossless or hierarchical.
    """
    parts, orientation, frame, profile_bytes = Parts(), 1, None, 0
    parts.keep(0, 2)
    for marker, at, end in _segments(data):
        if marker == _SOS:
            if frame is None:
                break
            parts.keep(at, len(data))
            return Contents(parts.found(), orientation, _buffer_bytes(data, frame, at))
        if marker in _SOF:
            if frame is not None:
                break
            frame = at
        body = data[at + 4 : at + 18]
        if marker == _APP1 and body.startswith(_EXIF) and orientation == 1:
            orientation = exif_orientation(data[at + 4 : end])
        profile_bytes += (end - at) * (marker == _ICC)
        wanted = marker in _COLOURS and body.startswith(_COLOURS[marker]) and profile_bytes <= MAX_PROFILE_BYTES
        if marker in _TABLES or marker in _SOF or wanted:
            parts.keep(at, end)
    raise Unreadable


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to the first scan; bytes between segments are skipped."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        at = data.find(b"\xff", at)
        marker = data[at + 1] if 0 <= at < len(data) - 1 else _EOI
        if marker == _EOI:
            return
        if marker in (0x00, 0xFF):
            at += 1
            continue
        end = at + _segment_bytes(data, at)
        yield marker, at, end
        if marker == _SOS:
            return
        at = end


def _segment_bytes(data: bytes, at: int) -> int:
    """Return the length of the marker segment at `at` in bytes, including its marker."""
    return 2 if data[at + 1] in _WITHOUT_LENGTH else 2 + max(big_endian(data, at + 2, 2), 2)


def _buffer_bytes(data: bytes, frame: int, scan: int) -> int:
    """Return the size of all coefficients, which a decoder keeps unless the only scan has all components."""
    kind = data[frame + 1]
    if kind not in (_BASELINE, _EXTENDED, _PROGRESSIVE):
        raise Unsupported("is a kind of JPEG that only few programs write")
    components = field(data, frame + 9, 1)[0]
    scans = _count_scans(data, scan, MAX_PROGRESSIVE_SCANS if kind == _PROGRESSIVE else MAX_SEQUENTIAL_SCANS)
    if kind != _PROGRESSIVE and scans == 1 and data[scan + 4] == components:
        return 0
    factors = [divmod(field(data, frame + 11 + 3 * index, 1)[0], 16) for index in range(components)]
    if not factors or not all(0 < factor <= _MAX_SAMPLING for pair in factors for factor in pair):
        raise Unreadable
    samples = sum(across * down for across, down in factors)
    largest = max(across for across, _ in factors) * max(down for _, down in factors)
    width, height = jpeg_size(data)
    return width * height * samples // largest * _COEFFICIENT_BYTES


def _count_scans(data: bytes, first: int, limit: int) -> int:
    """Return the number of scans from `first` to the end of the picture, without what follows it.

    Raises:
        Unreadable: There are more than `limit`.
    """
    # Metadata and trailers may contain the marker by chance: this is an upper bound.
    if (scans := data.count(_SCAN, first)) == 1:
        return scans
    at, scans = first, 0
    for _ in range(_MAX_SEGMENTS):
        found = _NEXT_MARKER.search(data, at)
        if not found or found.group() == _END:
            return scans
        scans += found.group() == _SCAN
        if scans > limit:
            break
        at = found.start() + _segment_bytes(data, found.start())
    raise Unreadable
