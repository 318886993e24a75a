import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.images import normalize, probe
from pipelines.images.decode import decode
from pipelines.images.vips import libvips
from schemas.errors import InputRefused
from tests import hostile
from tests.unit.pipelines.images.samples import MAX_PIXELS, encoded, linear_profile, plain, quarters

ROOT = Path(__file__).parents[4]
PHOTO = quarters((90, 60))
CORPUS = {
    "jpeg": encoded(PHOTO, "JPEG", icc_profile=linear_profile(), exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
    "progressive": encoded(PHOTO, "JPEG", progressive=True),
    "cmyk": encoded(PHOTO.convert("CMYK"), "JPEG"),
    "png": encoded(PHOTO, "PNG", icc_profile=linear_profile()),
    "palette": encoded(PHOTO.quantize(8), "PNG", transparency=1),
    "deep": encoded(plain("I;16", 40_000), "PNG"),
    "webp": encoded(PHOTO, "WEBP", icc_profile=linear_profile()),
    "lossless": encoded(PHOTO.convert("RGBA"), "WEBP", lossless=True),
}


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(CORPUS)), st.data())
def test_a_damaged_picture_is_decoded_or_refused_without_another_error(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(CORPUS[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    try:
        result = normalize(bytes(damaged), max_px=64, max_pixels=1_000_000)
    except InputRefused:
        return
    assert max(Image.open(BytesIO(result)).size) <= 64


@pytest.mark.parametrize("kind", sorted(CORPUS))
def test_a_truncated_picture_is_refused(kind: str) -> None:
    data = CORPUS[kind]
    with pytest.raises(InputRefused, match="Input 1 is damaged and can't be read"):
        normalize(data[: len(data) // 2], max_px=64, max_pixels=MAX_PIXELS, subject="Input 1")


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InputRefused):
        decode(data, max_pixels=MAX_PIXELS, subject="The picture")


@pytest.mark.parametrize(
    "data", [b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", encoded(PHOTO, "GIF"),
             encoded(PHOTO, "TIFF"), encoded(PHOTO, "AVIF"), b"P6 1 1 255\n\0\0\0"],
)  # fmt: skip
def test_libvips_itself_refuses_every_other_format(data: bytes) -> None:
    with pytest.raises(libvips().Error):
        libvips().Image.new_from_buffer(data, "")


def test_decoding_stops_at_another_size_than_the_header_states(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = replace(probe(CORPUS["png"], max_pixels=5400), width=91)
    monkeypatch.setattr("pipelines.images.decode.probe", lambda *_, **__: stated)
    with pytest.raises(InputRefused) as refused:
        decode(CORPUS["png"], max_pixels=5400, subject="The picture")
    assert "another size" in str(refused.value.__cause__)


BOMB = """
import struct, sys, zlib
from pipelines.images import normalize
from pipelines.images.vips import libvips
from schemas.errors import InputRefused

def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

libvips()
pixels = zlib.compressobj(9)
rows = b"".join(pixels.compress(bytes(6651)) for _ in range(13300)) + pixels.flush()
header = struct.pack(">IIBBBBB", 13300, 13300, 2, 3, 0, 0, 0)
chunks = chunk(b"IHDR", header) + chunk(b"PLTE", bytes(3)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
picture = b"\\x89PNG\\r\\n\\x1a\\n" + chunks
webp = b"RIFF\\x16\\0\\0\\0WEBPVP8X\\x0a\\0\\0\\0" + bytes(4) + b"\\xfe\\x3f\\0" * 2
jpeg = b"\\xff\\xd8\\xff\\xc0" + struct.pack(">HBHHB", 17, 8, 65000, 65000, 3) + bytes(9) + b"\\xff\\xda"
before = peak()
for bomb in (picture, webp, jpeg):
    try:
        normalize(bomb, max_px=1024, max_pixels=40_000_000)
        sys.exit("not refused")
    except InputRefused:
        pass
print((peak() - before) / 1024)
"""


def test_decompression_bombs_are_refused_in_little_memory() -> None:
    run = subprocess.run([sys.executable, "-c", BOMB], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(run.stdout) < 20, "megabytes, where the pixels alone have 177"


LARGE = """
import sys
from pathlib import Path
from pipelines.images import normalize
from schemas.errors import InputRefused

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

warm_up, data = (Path(name).read_bytes() for name in sys.argv[1:])
normalize(warm_up, max_px=1024, max_pixels=40_000_000)
before = peak()
try:
    normalize(data, max_px=1024, max_pixels=40_000_000)
except InputRefused as error:
    print(error.error_code, end=" ")
else:
    print("accepted", end=" ")
print((peak() - before) / 1024)
"""
FORTY_MEGAPIXELS = (7300, 5475)


def growth_mb(tmp_path: Path, picture: bytes) -> tuple[str, float]:
    """Return what became of a picture, and by how much it raised the peak memory of a process that had decoded one."""
    warm_up, photo = tmp_path / "warm_up", tmp_path / "photo"
    warm_up.write_bytes(CORPUS["jpeg"])
    photo.write_bytes(picture)
    command = [sys.executable, "-c", LARGE, str(warm_up), str(photo)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    outcome, megabytes = run.stdout.split()
    return outcome, float(megabytes)


@pytest.mark.parametrize(
    ("mode", "name", "options"),
    [("RGB", "JPEG", {}), ("RGBA", "PNG", {"compress_level": 1}), ("RGB", "WEBP", {"method": 0}),
     ("RGBA", "WEBP", {"method": 0})],
)  # fmt: skip
def test_an_accepted_picture_of_forty_megapixels_takes_less_than_a_hundred_megabytes(
    tmp_path: Path, mode: str, name: str, options: dict[str, object]
) -> None:
    photo = Image.radial_gradient("L").resize(FORTY_MEGAPIXELS).convert(mode)
    outcome, megabytes = growth_mb(tmp_path, encoded(photo, name, **options))
    assert outcome == "accepted"
    assert megabytes < 100


@pytest.mark.parametrize(
    "picture",
    [hostile.png_with_text_bombs(), hostile.png_with_profile_bomb(), hostile.png_with_two_headers(),
     hostile.webp_of_one_colour(), hostile.jpeg_with_empty_scans(), hostile.png_interlaced(*FORTY_MEGAPIXELS),
     hostile.png(65_500, 610), encoded(plain("RGB", 0, FORTY_MEGAPIXELS), "JPEG", progressive=True)],
    ids=["text bombs", "profile bomb", "two headers", "one colour", "empty scans", "interlaced", "wide", "progressive"],
)  # fmt: skip
def test_a_small_file_takes_less_than_a_hundred_megabytes(tmp_path: Path, picture: bytes) -> None:
    assert growth_mb(tmp_path, picture)[1] < 100
