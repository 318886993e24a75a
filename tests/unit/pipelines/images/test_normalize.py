from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageOps

from pipelines.images import normalize
from pipelines.images.ssim import ssim
from tests.unit.pipelines.images.samples import MAX_PIXELS, encoded, linear_profile, middle, opened, plain, quarters


def normalized(data: bytes, max_px: int = 1024) -> bytes:
    return normalize(data, max_px=max_px, max_pixels=MAX_PIXELS, subject="Input 1")


def is_close(color: tuple[int, ...], expected: tuple[int, ...], tolerance: int = 3) -> bool:
    return all(abs(one - other) <= tolerance for one, other in zip(color, expected, strict=True))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(1500, 1000), (3000, 2000), (300, 200)])
def test_every_exif_orientation_becomes_upright(name: str, orientation: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = quarters(size)
    source.info["exif"] = exif.tobytes()
    expected = ImageOps.exif_transpose(source)
    got = opened(normalized(encoded(source, name, exif=exif)))
    assert got.size == (expected.size if max(size) <= 1024 else ((1024, 683), (683, 1024))[orientation > 4])
    expected = expected.resize(got.size)
    for x in (got.width // 4, got.width * 3 // 4):
        for y in (got.height // 4, got.height * 3 // 4):
            assert is_close(got.getpixel((x, y)), expected.getpixel((x, y)))  # type: ignore[arg-type]  # RGB


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(plain("I;16", 128 * 257)), (128, 128, 128)),
        (encoded(plain("LA", (0, 128))), (127, 127, 127)),
        (encoded(plain("RGBA", (255, 0, 0, 128))), (255, 127, 127)),
        (encoded(plain("RGBA", (255, 0, 0, 0))), (255, 255, 255)),
        (encoded(plain("RGBA", (255, 0, 0, 128)), "WEBP", lossless=True), (255, 127, 127)),
        (encoded(plain("P", 0), transparency=0), (255, 255, 255)),
        (encoded(plain("P", 0), transparency=b"\x80"), (127, 127, 127)),
        (encoded(plain("RGB", (7, 8, 9)), transparency=(7, 8, 9)), (255, 255, 255)),
        (encoded(plain("L", 7), transparency=7), (255, 255, 255)),
        (encoded(plain("1", 1)), (255, 255, 255)),
        (encoded(plain("L", 77)), (77, 77, 77)),
        (encoded(plain("L", 77), "JPEG"), (77, 77, 77)),
        (encoded(plain("P", 0).convert("RGB").quantize(4)), (0, 0, 0)),
    ],
)
def test_every_kind_of_pixel_becomes_opaque_rgb(data: bytes, expected: tuple[int, ...]) -> None:
    assert is_close(middle(normalized(data)), expected)


@pytest.mark.parametrize(
    ("ink", "expected"),
    [((0, 0, 0, 0), (255, 255, 255)), ((255, 0, 0, 0), (0, 158, 224)), ((0, 255, 255, 0), (227, 6, 19)),
     ((0, 0, 0, 255), (29, 29, 27))],
)  # fmt: skip
def test_cmyk_is_converted_as_printed_colours(ink: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert is_close(middle(normalized(encoded(plain("CMYK", ink), "JPEG"))), expected, tolerance=30)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_a_profile_is_converted_to_srgb(name: str) -> None:
    data = encoded(plain("RGB", (128, 128, 128)), name, icc_profile=linear_profile())
    assert is_close(middle(normalized(data)), (188, 188, 188))


@pytest.mark.parametrize("profile", [b"junk" * 100, linear_profile()[:200]])
def test_an_unreadable_profile_is_ignored(profile: bytes) -> None:
    assert is_close(middle(normalized(encoded(plain("RGB", (9, 99, 199)), "JPEG", icc_profile=profile))), (9, 99, 199))


def test_a_profile_of_another_colour_space_is_ignored() -> None:
    assert is_close(middle(normalized(encoded(plain("L", 99), "JPEG", icc_profile=linear_profile()))), (99, 99, 99))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((60, 40), (60, 40)), ((1024, 1024), (1024, 1024)), ((2048, 1024), (1024, 512)), ((3000, 4000), (768, 1024)),
     ((6000, 2), (1024, 1)), ((1, 1), (1, 1)), ((1025, 10), (1024, 10))],
)  # fmt: skip
def test_the_longest_side_is_reduced_to_the_limit_and_never_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert opened(normalized(encoded(plain("RGB", (1, 2, 3), size), "JPEG"))).size == expected


def test_all_metadata_is_removed() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    exif[0x010F] = "Maker"
    source = encoded(plain("RGB", (1, 2, 3)), "JPEG", exif=exif, comment=b"secret", xmp=b"<secret/>")
    assert b"secret" in source
    data = normalized(source)
    image = opened(data)
    assert not image.getexif()
    assert not {"exif", "xmp", "icc_profile", "comment", "photoshop"} & image.info.keys()
    assert b"secret" not in data


@pytest.mark.parametrize("size", [(1155, 866), (2600, 1950), (4000, 3000), (6000, 4000)])
def test_shrinking_while_decoding_causes_no_visible_loss(size: tuple[int, int]) -> None:
    source = Image.effect_mandelbrot(size, (-2.2, -1.2, 0.8, 1.2), 60)
    data = encoded(source, "JPEG", quality=90)
    reference = opened(data).convert("L")
    reference.thumbnail((1024, 1024), Image.Resampling.LANCZOS, reducing_gap=None)
    assert ssim(opened(normalized(data)).convert("L"), reference) >= 0.98


def test_concurrent_calls_do_not_affect_each_other() -> None:
    sources = [encoded(plain("RGB", (level, 10, 20), (1500, 1100)), "JPEG") for level in range(0, 250, 25)]
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(normalized, sources * 4))
    for index, result in enumerate(results):
        assert is_close(middle(result), (index % 10 * 25, 10, 20))
