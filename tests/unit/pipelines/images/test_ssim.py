import pytest
from PIL import Image, ImageFilter

from pipelines.images.ssim import ssim

NOISE = Image.effect_noise((80, 60), 60)


def test_ssim_is_one_for_identical_pictures_and_lower_for_a_blurred_one() -> None:
    assert ssim(NOISE, NOISE) == pytest.approx(1.0)
    assert 0.2 < ssim(NOISE, NOISE.filter(ImageFilter.GaussianBlur(1))) < 0.9


def test_ssim_of_unrelated_pictures_is_about_zero() -> None:
    assert abs(ssim(NOISE, Image.effect_noise((80, 60), 60))) < 0.2


def test_ssim_of_two_flat_greys_follows_the_formula() -> None:
    expected = (2 * 100 * 120 + 6.5025) / (100**2 + 120**2 + 6.5025)
    assert ssim(Image.new("L", (20, 20), 100), Image.new("L", (20, 20), 120)) == pytest.approx(expected)


def test_pictures_of_different_sizes_raise_an_error() -> None:
    with pytest.raises(ValueError, match="must have the same size"):
        ssim(NOISE, NOISE.crop((0, 0, 10, 10)))
