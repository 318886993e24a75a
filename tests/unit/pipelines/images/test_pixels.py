from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.images.pixels import decode_pixels as decode
from schemas.errors import InputRefused


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def half_red() -> Image.Image:
    """300 by 200, the left half red, the right half blue."""
    image = Image.new("RGB", (300, 200), "blue")
    image.paste("red", (0, 0, 150, 200))
    return image


def is_red(pixel: Any) -> bool:
    return bool(pixel[0] > 200 and pixel[2] < 60)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_each_format_is_decoded_to_rgb(kind: str) -> None:
    picture = decode(encoded(half_red(), kind, quality=95))

    assert picture.rgb.shape == (200, 300, 3)
    assert picture.rgb.dtype == np.uint8
    assert picture.rgb.flags.c_contiguous
    assert is_red(picture.rgb[100, 20])
    assert not is_red(picture.rgb[100, 280])


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "LA"])
def test_other_modes_become_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert decode(encoded(half_red().convert(mode), kind)).rgb.shape == (200, 300, 3)


def test_a_large_picture_is_scaled_and_its_original_size_reported() -> None:
    picture = decode(encoded(Image.new("RGB", (4000, 3000)), "JPEG"))

    assert picture.rgb.shape == (960, 1280, 3)
    assert (picture.original_width, picture.original_height) == (4000, 3000)


@pytest.mark.parametrize(
    ("orientation", "red_at"),
    [(1, (100, 20)), (2, (100, 280)), (3, (100, 280)), (4, (100, 20)), (5, (20, 100)), (6, (20, 100)), (8, (280, 100))],
)
def test_the_picture_is_turned_upright(orientation: int, red_at: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode(encoded(half_red(), "JPEG", exif=exif, quality=95))

    assert is_red(picture.rgb[red_at])
    assert picture.rgb.shape[:2] == (picture.original_height, picture.original_width)


def test_a_transparent_picture_is_turned_upright_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded(half_red().convert("RGBA"), "PNG", exif=exif)).rgb.shape == (300, 200, 3)


def test_transparent_pixels_become_white() -> None:
    picture = decode(encoded(Image.new("RGBA", (50, 50), (255, 0, 0, 0)), "PNG"))
    assert picture.rgb[25, 25].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff" + bytes(100), b"GIF89a" + bytes(64)]
)
def test_data_that_is_not_a_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InputRefused):
        decode(data)


def test_a_truncated_picture_is_refused() -> None:
    whole = encoded(half_red(), "PNG")
    with pytest.raises(InputRefused) as refusal:
        decode(whole[: len(whole) // 2], subject="The photo")
    assert refusal.value.public_message == "The photo is damaged and can't be read."


def test_more_pixels_than_allowed_are_refused() -> None:
    with pytest.raises(InputRefused) as refusal:
        decode(encoded(half_red(), "PNG"), max_pixels=59_999)
    assert refusal.value.error_code == "picture_too_many_pixels"
