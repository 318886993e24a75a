import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from pipelines.images import watermark
from pipelines.images.watermark import draw_watermark
from schemas.errors import InputRefused
from tests.unit.pipelines.images.samples import MAX_PIXELS, encoded, opened, plain

SIZES = [(128, 128), (128, 4096), (4096, 128), (300, 200), (1024, 1536), (4096, 4096)]
LONG = "Made with artificial intelligence by Darkroom, rights reserved."


def luminance(level: float) -> float:
    """Return the relative luminance of a grey as defined by WCAG 2.2."""
    share = level / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


def contrast(one: float, other: float) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def stripes(size: tuple[int, int]) -> Image.Image:
    """Return the hardest background: alternating black and white stripes as fine as letters."""
    return Image.linear_gradient("L").resize(size).point(lambda level: 255 * (level // 4 % 2))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", [0, 64, 128, 192, 255])
def test_the_letters_contrast_with_any_background(size: tuple[int, int], level: int) -> None:
    image = plain("RGB", (level, level, level), size)
    box = draw_watermark(image, "Darkroom")
    darkest, lightest = image.crop(box).convert("L").getextrema()
    assert isinstance(darkest, float | int)
    assert isinstance(lightest, float | int)
    assert lightest > 200
    assert contrast(darkest, lightest) >= 4.5


@pytest.mark.parametrize("size", SIZES)
def test_the_letters_contrast_with_stripes(size: tuple[int, int]) -> None:
    image = stripes(size).convert("RGB")
    box = draw_watermark(image, "Darkroom")
    levels = image.crop(box).convert("L").histogram()
    assert sum(levels[150:180]) < sum(levels[200:]), "only the edges of the letters have the levels in between"
    plate = [level for level, count in enumerate(levels) if count > sum(levels) * 0.1 and level < 200]
    assert contrast(max(plate), 255) >= 4.5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("text", ["Darkroom", LONG, "W" * 64])
def test_the_watermark_is_inside_the_picture_and_large_enough(size: tuple[int, int], text: str) -> None:
    image = plain("RGB", (255, 255, 255), size)
    left, top, right, bottom = draw_watermark(image, text)
    changed = ImageChops.invert(image.convert("L")).getbbox()
    assert changed is not None
    assert 0 < left <= changed[0] < changed[2] <= right < size[0]
    assert 0 < top <= changed[1] < changed[3] <= bottom < size[1]
    assert bottom - top >= 11
    assert bottom - top <= size[1] * (0.6 if text != "W" * 64 else 0.85)


def test_the_watermark_grows_with_the_picture() -> None:
    heights = []
    for side in (256, 1024, 4096):
        _, top, _, bottom = draw_watermark(plain("RGB", (0, 0, 0), (side, side)), "Darkroom")
        heights.append(bottom - top)
    assert heights[0] * 6 < heights[1] * 3 < heights[2]


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=64), st.integers(1, 300), st.integers(1, 300))
def test_any_text_on_any_picture_stays_inside(text: str, width: int, height: int) -> None:
    left, top, right, bottom = draw_watermark(plain("RGB", (9, 9, 9), (width, height)), text)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def test_the_result_is_a_jpeg_of_the_same_size() -> None:
    data = watermark(encoded(plain("RGBA", (255, 0, 0, 0), (200, 300))), text="Darkroom", max_pixels=MAX_PIXELS)
    assert opened(data).size == (200, 300)


def test_data_of_another_format_is_refused() -> None:
    with pytest.raises(InputRefused, match="The reference picture is not"):
        watermark(b"<svg/>", text="Darkroom", max_pixels=MAX_PIXELS, subject="The reference picture")
