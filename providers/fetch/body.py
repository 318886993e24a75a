"""Reading of response bodies with a size limit before and after decompression."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from functools import partial

from providers.pictures.errors import input_refused
from providers.pictures.probe import SIGNATURE_BYTES, recognise
from schemas.errors import InputRefused

#: Window bits that make `zlib` accept gzip and zlib headers (zlib manual, inflateInit2: 32 + 15).
_GZIP_OR_ZLIB = 47
_PIECE_BYTES = 65_536


async def read_body(chunks: AsyncIterable[bytes], *, encoding: str, max_bytes: int, subject: str) -> bytes:
    """Return the whole decompressed body.

    Memory stays below `max_bytes` plus one chunk: a larger body is refused as soon as it exceeds the limit.

    Args:
        chunks: The body as received.
        encoding: The Content-Encoding. None is requested; only those found on stored objects are supported.
        max_bytes: Limit in bytes, before and after decompression.
        subject: Name of the picture in messages to the user.

    Raises:
        InputRefused: The body is too large, empty, not a picture by its first bytes, or can't be decompressed.
    """
    decompress = _decompressor(encoding, subject)
    pieces: list[bytes] = []
    size = received = 0
    async for chunk in chunks:
        received += len(chunk)
        for piece in decompress(chunk):
            pieces.append(piece)
            before, size = size, size + len(piece)
            if before < SIGNATURE_BYTES <= size:
                # Refuse early a body that is not a picture.
                recognise(b"".join(pieces)[:SIGNATURE_BYTES], subject=subject)
            if max(received, size) > max_bytes:
                raise too_large(subject, max_bytes)
    if not size:
        raise input_refused(subject, "is empty", code="picture_empty")
    # Join once: a growing buffer would be copied repeatedly.
    return b"".join(pieces)


def too_large(subject: str, max_bytes: int) -> InputRefused:
    """Return the error for a picture of more than `max_bytes`."""
    return input_refused(subject, f"is larger than {max_bytes / 1_000_000:g} MB", code="picture_too_large")


def _decompressor(encoding: str, subject: str) -> Callable[[bytes], Iterable[bytes]]:
    if encoding in ("", "identity"):
        return lambda chunk: (chunk,)
    if encoding in ("gzip", "x-gzip", "deflate"):
        return partial(_inflate, zlib.decompressobj(_GZIP_OR_ZLIB), subject)
    raise _unknown_encoding(subject)


def _inflate(inflater: zlib._Decompress, subject: str, chunk: bytes) -> Iterator[bytes]:
    """Decompress in small pieces: a chunk may expand to a thousand times its size."""
    try:
        while chunk:
            yield inflater.decompress(chunk, _PIECE_BYTES)
            chunk = inflater.unconsumed_tail
    except zlib.error as error:
        raise _unknown_encoding(subject) from error


def _unknown_encoding(subject: str) -> InputRefused:
    return input_refused(subject, "is sent in a packed form that can't be read", code="encoding_unknown")
