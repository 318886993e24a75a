from __future__ import annotations

import io
import random

from PIL import Image

from providers.images.base import Capabilities, SurplusInputs
from providers.images.fit_inputs import compose, fit_inputs
from tests.contracts.image_provider import jpeg

RED, GREEN, BLUE = (220, 20, 20), (20, 200, 20), (20, 20, 220)
WHITE = (255, 255, 255)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def near(colour: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return max(abs(one - other) for one, other in zip(colour, wanted, strict=True)) < 24


def can(**more: object) -> Capabilities:
    return Capabilities.model_validate({"edit": True, "generate": False, "max_inputs": 2} | more)


async def test_what_fits_is_sent_unchanged() -> None:
    inputs = (b"not even", b"a picture")
    assert await fit_inputs(inputs, can()) is inputs
    small = (jpeg(), jpeg())
    assert await fit_inputs(small, can(max_input_px=1024, max_input_pixels=10**6, max_input_bytes=10**6)) is small


async def test_surplus_garments_are_shown_on_white_in_their_order() -> None:
    inputs = (jpeg(), jpeg(RED, (200, 200)), jpeg(GREEN, (100, 200)), jpeg(BLUE, (200, 100)))

    person, garments = await fit_inputs(inputs, can(surplus_inputs=SurplusInputs.COMPOSE))

    assert person == inputs[0]
    shown = opened(garments)
    assert shown.size == (1024, 1024)
    quarter = 256
    for wanted, place in ((RED, (1, 1)), (GREEN, (3, 1)), (BLUE, (1, 3)), (WHITE, (3, 3))):
        colour = shown.getpixel((place[0] * quarter, place[1] * quarter))
        assert isinstance(colour, tuple)
        assert near(colour, wanted)
    corner = shown.getpixel((2, 2))
    assert isinstance(corner, tuple)
    assert near(corner, WHITE)


def test_two_pictures_stand_side_by_side() -> None:
    assert opened(compose([jpeg(RED), jpeg(BLUE)])).size == (1024, 512)


async def test_inputs_of_a_provider_that_refuses_surplus_ones_are_left_alone() -> None:
    inputs = (jpeg(), jpeg(), jpeg())
    assert await fit_inputs(inputs, can()) is inputs


async def test_a_large_picture_is_resized_to_sides_and_pixels() -> None:
    inputs = (jpeg(size=(2000, 1000)), jpeg(size=(1000, 500)))
    first, second = await fit_inputs(inputs, can(max_input_px=1000))
    assert opened(first).size == (1000, 500)
    assert second == inputs[1]
    (third,) = await fit_inputs((jpeg(size=(2000, 1000)),), can(max_input_pixels=500_000))
    assert opened(third).size == (1000, 500)


async def test_a_picture_of_too_many_bytes_gets_fewer() -> None:
    noise = Image.frombytes("RGB", (400, 400), random.Random(1).randbytes(400 * 400 * 3))
    buffer = io.BytesIO()
    noise.save(buffer, "JPEG", quality=95)

    (data,) = await fit_inputs((buffer.getvalue(),), can(max_input_bytes=20_000))

    assert len(data) <= 20_000
    assert opened(data).width == opened(data).height
