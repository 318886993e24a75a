"""Reproducible drawn photos with many details."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def draw_photo(megapixels: float) -> Image.Image:
    """Draw a 4:3 RGB picture with edges, gradients, texture and noise; about 2 MB as a JPEG of 12 megapixels."""
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
    """Encode the picture as `jpeg`, `png` or `webp`."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpeg_photo(megapixels: float, *, quality: int = 90) -> bytes:
    """Draw a photo and encode it as a JPEG in the quality of a camera."""
    return saved(draw_photo(megapixels), "jpeg", quality=quality)


def tiny_photo() -> bytes:
    """Return a JPEG of 64 by 96 pixels, which costs almost nothing to decode."""
    return saved(Image.new("RGB", (64, 96), "teal"), "jpeg", quality=85)
