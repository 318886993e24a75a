import struct
import time
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from providers.pictures.probe import ImageInfo, probe
from schemas.errors import InputRefused

LIMIT = 40_000_000


def encoded(name: str, mode: str = "RGB", size: tuple[int, int] = (60, 40), **options: object) -> bytes:
    file = BytesIO()
    Image.new(mode, size, 0).save(file, name, **options)
    return file.getvalue()


def png_stating(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def webp_stating(width: int, height: int) -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (width - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBP" + body + (height - 1).to_bytes(3, "little")


def jpeg_stating(width: int, height: int, scans: int = 1) -> bytes:
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8" + frame + (b"\xff\xda\x00\x03\x00" + b"\x00\xff\x00") * scans + b"\xff\xd9"


VALID = [
    encoded("JPEG"), encoded("JPEG", progressive=True), encoded("PNG"), encoded("WEBP"),
    encoded("WEBP", "RGBA"), encoded("WEBP", lossless=True),
]  # fmt: skip


@pytest.mark.parametrize("data", VALID)
def test_the_size_equals_that_of_pillow(data: bytes) -> None:
    image = Image.open(BytesIO(data))
    assert probe(data, max_pixels=LIMIT) == ImageInfo(image.format, *image.size)  # type: ignore[arg-type]  # str


@pytest.mark.parametrize("data", [png_stating(8000, 8000), webp_stating(16383, 16383), jpeg_stating(60000, 60000)])
def test_a_bomb_is_refused_by_its_header(data: bytes) -> None:
    before = time.perf_counter()
    with pytest.raises(InputRefused, match="Input 1 has more than 40 megapixels"):
        probe(data, max_pixels=LIMIT, subject="Input 1")
    assert time.perf_counter() - before < 0.05


def test_a_side_longer_than_jpeg_allows_is_refused() -> None:
    with pytest.raises(InputRefused, match="65500"):
        probe(png_stating(70_000, 1), max_pixels=LIMIT)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", encoded("GIF"), encoded("TIFF"),
             encoded("BMP"), encoded("AVIF"), b"%PDF-1.7", b"RIFF\x00\x00\x00\x00WAVEfmt "],
)  # fmt: skip
def test_any_other_type_is_refused(data: bytes) -> None:
    with pytest.raises(InputRefused, match="is not a JPEG, PNG or WebP picture"):
        probe(data, max_pixels=LIMIT)


def test_an_animation_is_refused() -> None:
    frames = [Image.new("RGB", (60, 40), color) for color in ("red", "blue")]
    file = BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    with pytest.raises(InputRefused, match="animation"):
        probe(file.getvalue(), max_pixels=LIMIT)


def test_a_progressive_picture_of_thousands_of_passes_is_refused() -> None:
    assert probe(jpeg_stating(6000, 6000, scans=60), max_pixels=LIMIT).width == 6000
    with pytest.raises(InputRefused):
        probe(jpeg_stating(6000, 6000, scans=5000), max_pixels=LIMIT)


def test_scan_markers_after_the_end_of_a_picture_are_ignored() -> None:
    motion_photo = encoded("JPEG", progressive=True) + b"ftypmp42" + b"\xff\xda\x00\x08" * 500
    assert probe(motion_photo, max_pixels=LIMIT).format == "JPEG"


@pytest.mark.parametrize(
    "data", [b"\xff\xd8\xff" + b"\x01\xff" * 5_000_000, b"\xff" * 10_000_000, b"\xff\xd8\xff" + bytes(10_000_000),
             b"\xff\xd8" + b"\xff\xe1\x00\x02" * 4_000_000],
)  # fmt: skip
def test_an_endless_header_is_refused(data: bytes) -> None:
    before = time.perf_counter()
    with pytest.raises(InputRefused):
        probe(data, max_pixels=LIMIT)
    assert time.perf_counter() - before < 0.05


@given(st.sampled_from(VALID), st.data())
def test_a_damaged_header_is_read_or_refused(valid: bytes, data: st.DataObject) -> None:
    cut = valid[: data.draw(st.integers(0, len(valid)))]
    at = data.draw(st.integers(0, len(cut)))
    damaged = cut[:at] + data.draw(st.binary(max_size=8)) + cut[at:]
    try:
        info = probe(damaged, max_pixels=LIMIT)
    except InputRefused:
        return
    assert 0 < info.width * info.height <= LIMIT
