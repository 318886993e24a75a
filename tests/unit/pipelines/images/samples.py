"""Builders of sample pictures."""

from __future__ import annotations

import struct
from io import BytesIO

from PIL import Image

MAX_PIXELS = 40_000_000


def encoded(image: Image.Image, name: str = "PNG", **options: object) -> bytes:
    """Return the picture as an encoded file."""
    file = BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def plain(mode: str, color: float | tuple[int, ...], size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Return a picture of one colour."""
    return Image.new(mode, size, color)


def opened(data: bytes) -> Image.Image:
    """Open a file and check that it is a JPEG."""
    image = Image.open(BytesIO(data))
    assert image.format == "JPEG"
    return image


def middle(data: bytes) -> tuple[int, ...]:
    """Return the colour of the middle pixel."""
    image = opened(data)
    color = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(color, tuple)
    return color


def quarters(size: tuple[int, int] = (1500, 1000)) -> Image.Image:
    """Return red, green, blue and white quarters: each of the eight orientations looks different."""
    width, height = size
    image = Image.new("RGB", size, "red")
    image.paste("green", (width // 2, 0, width, height // 2))
    image.paste("blue", (0, height // 2, width // 2, height))
    image.paste("white", (width // 2, height // 2, width, height))
    return image


def linear_profile() -> bytes:
    """Return an ICC profile with sRGB's primaries and no gamma (ICC.1:2010, matrix/TRC display profile).

    Its value 128 is 188 in sRGB.
    """
    curve = b"curv" + bytes(4) + struct.pack(">I", 0)
    primaries = {
        b"rXYZ": (0.43607, 0.22249, 0.01392),
        b"gXYZ": (0.38515, 0.71687, 0.09708),
        b"bXYZ": (0.14307, 0.06061, 0.7141),
    }
    tags = {name: b"XYZ " + bytes(4) + b"".join(map(_fixed, values)) for name, values in primaries.items()}
    tags |= {b"wtpt": b"XYZ " + bytes(4) + b"".join(map(_fixed, (0.9642, 1.0, 0.82491)))}
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    tags |= {b"desc": b"desc" + bytes(4) + struct.pack(">I", 7) + b"linear\0" + bytes(78)}
    tags |= {b"cprt": b"text" + bytes(4) + b"none\0\0\0\0"}
    return _profile(tags)


def _profile(tags: dict[bytes, bytes]) -> bytes:
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + b"".join(map(_fixed, (0.9642, 1.0, 0.82491)))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))
