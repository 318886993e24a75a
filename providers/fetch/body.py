"""The body of an answer, counted as it arrives and again as it is unpacked."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from functools import partial

from providers.pictures.errors import input_refused
from providers.pictures.probe import SIGNATURE_BYTES, recognise
from schemas.errors import InputRefused

#: `zlib` takes gzip and zlib headers alike with this (zlib manual, inflateInit2: 32 + 15 bits of window).
_GZIP_OR_ZLIB = 47
_PIECE = 65_536


async def read_body(chunks: AsyncIterable[bytes], *, encoding: str, max_bytes: int, subject: str) -> bytes:
    """The whole body, unpacked.

    Memory stays below `max_bytes` and a chunk: an answer that unpacks to more is refused as soon as it does.

    Args:
        chunks: The body as it arrives.
        encoding: The Content-Encoding; none was asked for, so only what stored objects really carry is understood.
        max_bytes: The limit, before and after unpacking.
        subject: How the picture is named to the user.

    Raises:
        InputRefused: Too large, empty, no picture by its first bytes, or packed in a way that can't be unpacked.
    """
    unpack = _unpacker(encoding, subject)
    pieces: list[bytes] = []
    size = received = 0
    async for chunk in chunks:
        received += len(chunk)
        for piece in unpack(chunk):
            pieces.append(piece)
            before, size = size, size + len(piece)
            if before < SIGNATURE_BYTES <= size:
                # It ends as soon as it is clear that no picture is coming.
                recognise(b"".join(pieces)[:SIGNATURE_BYTES], subject=subject)
            if max(received, size) > max_bytes:
                raise too_large(subject, max_bytes)
    if not size:
        raise input_refused(subject, "is empty", code="picture_empty")
    # One copy; a buffer that grows with each piece is copied again and again.
    return b"".join(pieces)


def too_large(subject: str, max_bytes: int) -> InputRefused:
    """The input_refused of a picture of more than `max_bytes`."""
    return input_refused(subject, f"is larger than {max_bytes / 1_000_000:g} MB", code="picture_too_large")


def _unpacker(encoding: str, subject: str) -> Callable[[bytes], Iterable[bytes]]:
    if encoding in ("", "identity"):
        return lambda chunk: (chunk,)
    if encoding in ("gzip", "x-gzip", "deflate"):
        return partial(_inflate, zlib.decompressobj(_GZIP_OR_ZLIB), subject)
    raise _unpackable(subject)


def _inflate(inflater: zlib._Decompress, subject: str, chunk: bytes) -> Iterator[bytes]:
    """Unpack in small pieces: one chunk may hold a thousand times its size."""
    try:
        while chunk:
            yield inflater.decompress(chunk, _PIECE)
            chunk = inflater.unconsumed_tail
    except zlib.error as error:
        raise _unpackable(subject) from error


def _unpackable(subject: str) -> InputRefused:
    return input_refused(subject, "is sent in a packed form that can't be read", code="encoding_unknown")
