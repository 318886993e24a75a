"""Reproducible drawn photos with much detail."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def draw_photo(megapixels: float) -> Image.Image:
    """A 4:3 picture with edges, gradients, texture and noise, RGB; at 12 megapixels about 2 MB as a JPEG."""
    import numpy as np  # noqa: PLC0415  comes with the sizing extra; only the benchmark needs it

    width = round((megapixels * 1_000_000 * 4 / 3) ** 0.5)
    height = width * 3 // 4
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / width
    waves = np.sin(x * 40 + 9 * np.sin(y * 25)) * 60 + np.sin((x * x + y * y) * 900) * 30
    noise = np.random.default_rng(1).integers(-6, 7, (height, width), dtype=np.int8)
    edges = ((x * 24).astype(np.int32) + (y * 24).astype(np.int32)) % 2 * 40
    plane = waves + noise + edges
    pixels = np.empty((height, width, 3), np.uint8)
    for channel, level in enumerate((128 + x * 60, 118 - y * 40, 90 + y * 60)):
        pixels[..., channel] = (plane + level).clip(0, 255)
    return Image.fromarray(pixels)


def saved(image: Image.Image, kind: str, **options: int) -> bytes:
    """The picture as a file of that kind: `jpeg`, `png` or `webp`."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpeg_photo(megapixels: float, *, quality: int = 90) -> bytes:
    """`draw_photo` as a camera would keep it."""
    return saved(draw_photo(megapixels), "jpeg", quality=quality)


def tiny_photo() -> bytes:
    """Return a 64 by 96 pixel JPEG, which costs next to nothing to decode."""
    return saved(Image.new("RGB", (64, 96), "teal"), "jpeg", quality=85)
