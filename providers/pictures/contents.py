"""What the walkers of the formats find: the parts of a file that a decoder needs, and what decoding them takes."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]

#: Largest colour profile that is passed on, bytes; printers' CMYK profiles have up to 3 MB.
MAX_PROFILE_BYTES = 4 * 1024 * 1024
#: Maximum number of PNG chunks, JPEG segments or WebP chunks; encoders write a few thousand chunks of pixels at most.
MAX_PARTS = 32_768


class Unreadable(Exception):  # noqa: N818  never leaves `providers.pictures`
    """The file is damaged."""


class Unsupported(Exception):  # noqa: N818  never leaves `providers.pictures`
    """The file uses a part of its format that is not accepted; the message ends the sentence "Input 2 ..."."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The parts of a file that a decoder needs.

    Attributes:
        parts: Ranges of the file, or bytes in their place, in order.
        orientation: EXIF orientation, 1 to 8.
        buffer_bytes: Estimated memory of a decoder: large where it can't decode a few rows at a time.
    """

    parts: tuple[slice | bytes, ...]
    orientation: int = 1
    buffer_bytes: int = 0


class Parts:
    """Collects ranges of a file; adjacent ranges become one, so that an ordinary file needs no copy."""

    def __init__(self) -> None:
        """Start without a range."""
        self._found: list[slice | bytes] = []

    def keep(self, start: int, end: int) -> None:
        """Add a range."""
        last = self._found[-1] if self._found else None
        if isinstance(last, slice) and last.stop == start:
            self._found[-1] = slice(last.start, end)
        else:
            self._found.append(slice(start, end))

    def found(self) -> tuple[slice | bytes, ...]:
        """Return what was collected."""
        return tuple(self._found)


def checked_size(width: int, height: int) -> Size:
    """Return the size.

    Raises:
        Unreadable: A side is 0.
    """
    if not width or not height:
        raise Unreadable
    return width, height


def big_endian(data: bytes, at: int, size: int) -> int:
    """Return the number at `at`.

    Raises:
        Unreadable: The file ends before it.
    """
    return int.from_bytes(field(data, at, size), "big")


def little_endian(data: bytes, at: int, size: int) -> int:
    """Return the number at `at`.

    Raises:
        Unreadable: The file ends before it.
    """
    return int.from_bytes(field(data, at, size), "little")


def field(data: bytes, at: int, size: int) -> bytes:
    """Return `size` bytes at `at`.

    Raises:
        Unreadable: The file ends before them.
    """
    if len(found := data[at : at + size]) < size:
        raise Unreadable
    return found
