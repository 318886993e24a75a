from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from pipelines.decoders.decoders import Decoders
from pipelines.decoders.sandbox import DecoderLimits
from pipelines.images import finish, normalize
from pipelines.images.pixels import decode_pixels
from schemas.errors import InputRefused, Transient
from tests import hostile
from tests.unit.pipelines.images.samples import MAX_PIXELS, encoded, linear_profile, quarters

PHOTO = quarters((1500, 1000))
PICTURES = {
    "jpeg": encoded(PHOTO, "JPEG", icc_profile=linear_profile()),
    "progressive": encoded(PHOTO, "JPEG", progressive=True),
    "cmyk": encoded(PHOTO.convert("CMYK"), "JPEG"),
    "png": encoded(PHOTO, "PNG", icc_profile=linear_profile()),
    "palette": encoded(PHOTO.quantize(8), "PNG", transparency=1),
    "webp": encoded(PHOTO.convert("RGBA"), "WEBP"),
    "lossless": encoded(PHOTO, "WEBP", lossless=True),
}


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    made = Decoders(2)
    yield made
    made.close()


@pytest.mark.parametrize("kind", PICTURES)
async def test_a_decoder_answers_what_the_functions_return(decoders: Decoders, kind: str) -> None:
    data = PICTURES[kind]
    small = await decoders.normalize(data, max_px=1024, max_pixels=MAX_PIXELS, subject="Input 1")
    finished = await decoders.finish(data, credit="c", product="p", max_pixels=MAX_PIXELS, watermark_text="w")
    picture = await decoders.pixels(data, max_pixels=MAX_PIXELS)

    assert small == normalize(data, max_px=1024, max_pixels=MAX_PIXELS)
    assert finished == finish(data, credit="c", product="p", max_pixels=MAX_PIXELS, watermark_text="w")
    assert np.array_equal(picture.rgb, decode_pixels(data).rgb)
    assert (picture.original_width, picture.original_height) == (1500, 1000)


async def test_a_damaged_picture_is_refused_by_name(decoders: Decoders) -> None:
    damaged = PICTURES["png"][:2000] + bytes(2000) + PICTURES["png"][4000:]
    with pytest.raises(InputRefused, match="Input 2 is damaged and can't be read"):
        await decoders.normalize(damaged, max_px=64, max_pixels=MAX_PIXELS, subject="Input 2")
    with pytest.raises(Transient) as refused:
        await decoders.finish(damaged, credit="", product="", max_pixels=MAX_PIXELS, watermark_text=None)
    assert refused.value.error_code == "bad_picture"


@pytest.mark.parametrize(
    "data", [hostile.png_with_two_headers(), hostile.webp_of_one_colour(), hostile.jpeg_with_empty_scans()]
)
async def test_a_hostile_picture_is_refused_before_any_decoder(data: bytes) -> None:
    unused = Decoders(1)
    with pytest.raises(InputRefused):
        await unused.normalize(data, max_px=1024, max_pixels=MAX_PIXELS, subject="Input 1")
    with pytest.raises(InputRefused):
        await unused.pixels(data, max_pixels=MAX_PIXELS)
    unused.close()


async def test_text_bombs_are_removed_and_the_picture_is_used(decoders: Decoders) -> None:
    assert await decoders.normalize(
        hostile.png_with_text_bombs(), max_px=64, max_pixels=MAX_PIXELS, subject="Input 1"
    ) == normalize(hostile.png(64, 64), max_px=64, max_pixels=MAX_PIXELS)


async def test_a_picture_that_ends_its_decoder_is_refused_and_counted_and_others_are_answered() -> None:
    """When a large picture needs more memory than there is, then it is refused for good; small ones are answered."""
    causes: list[str] = []

    async def on_death(cause: str) -> None:
        causes.append(cause)

    decoders = Decoders(2, limits=DecoderLimits(memory_bytes=24 * 1024 * 1024), on_death=on_death)
    large = encoded(Image.new("RGB", (4000, 4000)), "PNG")
    results = await asyncio.gather(
        decoders.finish(large, credit="", product="", max_pixels=MAX_PIXELS, watermark_text=None),
        *(decoders.normalize(PICTURES["jpeg"], max_px=64, max_pixels=MAX_PIXELS, subject="Input 1") for _ in range(6)),
        return_exceptions=True,
    )
    decoders.close()

    error, *others = results
    assert isinstance(error, InputRefused)
    assert not error.retryable
    assert (error.public_message, error.error_code) == (
        "The generated picture can't be processed.", "picture_kills_decoder",
    )  # fmt: skip
    assert causes == ["memory"]
    assert all(isinstance(other, bytes) for other in others)
