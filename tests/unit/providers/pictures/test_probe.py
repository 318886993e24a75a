import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from providers.pictures.probe import ImageInfo, probe
from schemas.errors import InputRefused
from tests import hostile
from tests.unit.pipelines.images.samples import linear_profile

ROOT = Path(__file__).parents[4]
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
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + b"\1\x11\0\2\x11\1\3\x11\1"
    return b"\xff\xd8" + frame + (b"\xff\xda\x00\x03\x00" + b"\x00\xff\x00") * scans + b"\xff\xd9"


class ReadCounter(bytes):
    """Bytes that count how often they are looked into."""

    reads = 0

    def __getitem__(self, key: Any) -> Any:
        self.reads += 1
        return super().__getitem__(key)


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
    counted = ReadCounter(data)
    with pytest.raises(InputRefused, match="Input 1 has more than 40 megapixels"):
        probe(counted, max_pixels=LIMIT, subject="Input 1")
    assert counted.reads < 50


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
    assert probe(jpeg_stating(3000, 3000, scans=60), max_pixels=LIMIT).width == 3000
    with pytest.raises(InputRefused, match="damaged"):
        probe(jpeg_stating(3000, 3000, scans=5000), max_pixels=LIMIT)


def test_scan_markers_after_the_end_of_a_picture_are_ignored() -> None:
    motion_photo = encoded("JPEG", progressive=True) + b"ftypmp42" + b"\xff\xda\x00\x08" * 500
    assert probe(motion_photo, max_pixels=LIMIT).format == "JPEG"


@pytest.mark.parametrize(
    "data", [b"\xff\xd8\xff" + b"\x01\xff" * 5_000_000, b"\xff" * 10_000_000, b"\xff\xd8\xff" + bytes(10_000_000),
             b"\xff\xd8" + b"\xff\xe1\x00\x02" * 4_000_000],
)  # fmt: skip
def test_an_endless_header_is_refused(data: bytes) -> None:
    counted = ReadCounter(data)
    with pytest.raises(InputRefused):
        probe(counted, max_pixels=LIMIT)
    assert counted.reads < 20_000


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


HOSTILE = {
    "text bombs": hostile.png_with_text_bombs(),
    "profile bomb": hostile.png_with_profile_bomb(),
    "two headers": hostile.png_with_two_headers(),
    "one colour": hostile.webp_of_one_colour(),
    "empty scans": hostile.jpeg_with_empty_scans(),
    "interlaced": hostile.png_interlaced(7300, 5475),
    "wide": hostile.png(65_500, 610),
    "many chunks": hostile.png(9, 9, *[hostile.png_chunk(b"tEXt")] * 100_000),
}
MEASURE = """
import sys, time, tracemalloc
from pathlib import Path
from providers.pictures.probe import probe
from schemas.errors import InputRefused

data = Path(sys.argv[1]).read_bytes()
started = time.process_time()
try:
    kept = len(probe(data, max_pixels=40_000_000).essential(data))
except InputRefused:
    kept = 0
seconds = time.process_time() - started
tracemalloc.start()
try:
    probe(data, max_pixels=40_000_000).essential(data)
except InputRefused:
    pass
print(kept, seconds * 1000, tracemalloc.get_traced_memory()[1] / 1e6)
"""


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_or_stripped_at_once_and_in_little_memory(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(HOSTILE[kind])
    run = subprocess.run([sys.executable, "-c", MEASURE, file], cwd=ROOT, capture_output=True, text=True, check=True)
    kept, milliseconds, megabytes = map(float, run.stdout.split())
    assert kept < 1000
    assert milliseconds < 50
    assert megabytes < 20


def test_only_the_chunks_that_change_pixels_are_passed_on() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded("PNG", "P", exif=exif, transparency=0, dpi=(72, 72), icc_profile=linear_profile())
    info = probe(data, max_pixels=LIMIT)
    chunks = [name for name in (b"IHDR", b"iCCP", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"pHYs") if name in data]
    assert len(chunks) == 8
    assert [name for name in chunks if name in info.essential(data)] == chunks[:6]
    assert info.contents.orientation == 6


@pytest.mark.parametrize("name", ["JPEG", "WEBP"])
def test_metadata_is_not_passed_on_but_the_colour_profile_is(name: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 8, "Camera"
    data = encoded(name, exif=exif, icc_profile=linear_profile(), xmp=b"<x:xmpmeta/>")
    info = probe(data, max_pixels=LIMIT)
    kept = info.essential(data)
    assert info.contents.orientation == 8
    assert b"Camera" in data
    assert b"Camera" not in kept
    assert b"xmpmeta" not in kept
    assert Image.open(BytesIO(kept)).info["icc_profile"] == linear_profile()


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"])
def test_damaged_exif_is_ignored(exif: bytes) -> None:
    assert probe(encoded("JPEG", exif=exif), max_pixels=LIMIT).contents.orientation == 1


def test_a_picture_that_is_not_as_large_as_its_canvas_is_refused() -> None:
    data = bytearray(encoded("WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"))
    data[24] += 1
    with pytest.raises(InputRefused, match="damaged"):
        probe(bytes(data), max_pixels=LIMIT)


def test_a_sequential_picture_may_have_a_scan_for_each_component() -> None:
    def scans(count: int) -> bytes:
        return jpeg_stating(300, 300, scans=count).replace(b"\xff\xc2", b"\xff\xc0")

    assert probe(scans(4), max_pixels=LIMIT).format == "JPEG"
    with pytest.raises(InputRefused, match="damaged"):
        probe(scans(5), max_pixels=LIMIT)


@pytest.mark.parametrize("marker", [b"\xff\xc3", b"\xff\xc9", b"\xff\xca"])
def test_a_rare_kind_of_jpeg_is_refused(marker: bytes) -> None:
    with pytest.raises(InputRefused, match="is a kind of JPEG that only few programs write"):
        probe(jpeg_stating(300, 300).replace(b"\xff\xc2", marker), max_pixels=LIMIT)
