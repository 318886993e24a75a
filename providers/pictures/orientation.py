"""The EXIF orientation, read without a metadata library: no decoder sees EXIF data."""

from __future__ import annotations

from typing import Literal

_PREFIX = b"Exif\0\0"
_ORIENTATION, _SHORT = 0x0112, 3
#: Maximum number of entries that are looked at; cameras write about 15.
_MAX_ENTRIES = 256


def exif_orientation(exif: bytes) -> int:
    """Return the orientation in an EXIF block, 1 to 8; 1 where there is none or the block is damaged."""
    tiff = exif.removeprefix(_PREFIX)
    order: Literal["big", "little"] = "big" if tiff.startswith(b"MM") else "little"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)

    entries = number(4, 4)
    for index in range(min(number(entries, 2), _MAX_ENTRIES)):
        entry = entries + 2 + 12 * index
        if number(entry, 2) == _ORIENTATION and number(entry + 2, 2) == _SHORT:
            value = number(entry + 8, 2)
            return value if value in range(1, 9) else 1
    return 1
