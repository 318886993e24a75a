from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from providers.images.base import ImageRequest
from providers.images.mock.lookbook import card_boxes
from providers.images.mock.provider import MockProvider
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Rejected, Transient
from tests.contracts.image_provider import ImageProviderContract, jpeg, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

COLOURS = [(40, 40, 200), (210, 40, 40), (40, 170, 60), (230, 200, 30), (150, 50, 170), (30, 180, 190), (240, 130, 30)]


def request(prompt: str = "", task_id: str = "t1", attempt: int = 0, **more: object) -> ImageRequest:
    values = {"task_id": task_id, "owner_id": "o1", "prompt": prompt, "attempt": attempt, "width": 256, "height": 384}
    return ImageRequest.model_validate(values | more)


def near(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 25 for a, b in zip(pixel, colour, strict=True))


@pytest.fixture
async def provider() -> AsyncIterator[MockProvider]:
    provider = MockProvider(latency_s=0)
    yield provider
    await provider.aclose()


@pytest.fixture
async def slow_provider() -> AsyncIterator[MockProvider]:
    provider = MockProvider(latency_s=60)
    yield provider
    await provider.aclose()


class TestMockProvider(ImageProviderContract):
    pass


async def test_the_picture_has_the_requested_size(provider: MockProvider) -> None:
    assert opened(await provider.generate(request(width=200, height=320))).size == (200, 320)
    assert opened(await provider.generate(request(width=200, height=320, inputs=(jpeg(),)))).size == (200, 320)


async def test_the_same_task_gives_the_same_picture(provider: MockProvider) -> None:
    first = await provider.generate(request("a scarf"))
    assert (await provider.generate(request("a scarf"))).data == first.data
    assert (await provider.generate(request("a scarf", task_id="t2"))).data != first.data


@pytest.mark.parametrize("count", [1, 2, 3, 7])
async def test_every_input_is_drawn_in_order(provider: MockProvider, count: int) -> None:
    size = (512, 768)
    inputs = tuple(jpeg(colour) for colour in COLOURS[:count])
    picture = opened(await provider.generate(request(inputs=inputs, width=size[0], height=size[1])))
    assert near(picture.getpixel((20, 20)), COLOURS[0])
    boxes = card_boxes(count - 1, size)
    assert len(boxes) == count - 1
    for (left, top, right, bottom), colour in zip(boxes, COLOURS[1:count], strict=True):
        assert near(picture.getpixel(((left + right) // 2, (top + bottom) // 2)), colour)


@pytest.mark.parametrize("count", range(1, 16))
def test_the_cards_are_inside_the_picture_and_do_not_overlap(count: int) -> None:
    boxes = card_boxes(count, (1024, 1536))
    assert len(boxes) == count
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert 0 <= left < right <= 1024
        assert 0 <= top < bottom <= 1536
        for other in boxes[number + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


async def test_the_prompt_is_written_on_the_picture(provider: MockProvider) -> None:
    blank = await provider.generate(request("", inputs=(jpeg(),)))
    written = await provider.generate(request("a red scarf", inputs=(jpeg(),)))
    other = await provider.generate(request("a blue hat", inputs=(jpeg(),)))
    assert len({blank.data, written.data, other.data}) == 3


@pytest.mark.parametrize("prompt", ["a photo of Mia, a woman in a cafe", "a bottle of perfume", "", "word " * 300])
async def test_a_prompt_without_inputs_gives_a_scene(provider: MockProvider, prompt: str) -> None:
    picture = opened(await provider.generate(request(prompt)))
    assert picture.size == (256, 384)
    assert len(picture.getcolors(256 * 384) or ()) > 100


async def test_a_portrait_differs_from_a_product_picture(provider: MockProvider) -> None:
    portrait = await provider.generate(request("portrait of a woman"))
    assert portrait.data != (await provider.generate(request("bottle of a perfume"))).data


async def test_an_input_that_is_not_a_picture_is_invalid(provider: MockProvider) -> None:
    with pytest.raises(Invalid):
        await provider.generate(request(inputs=(jpeg(), b"not a picture")))


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("rate_limit", RateLimited, "rate_limited"),
        ("server_error", Transient, "server_error"),
        ("moderation", Rejected, "moderation_blocked"),
        ("empty", Ambiguous, "no_picture"),
        ("hang", Ambiguous, "ambiguous"),
    ],
)
async def test_each_failure_is_the_error_of_its_kind(kind: str, error: type[DarkroomError], code: str) -> None:
    by_share = MockProvider(latency_s=0, failures={kind: 1.0})
    by_marker = MockProvider(latency_s=0)
    for provider, prompt in ((by_share, ""), (by_marker, f"a hat [mock:{kind}]")):
        with pytest.raises(error) as raised:
            await provider.generate(request(prompt, deadline_s=0.1))
        assert type(raised.value) is error
        assert raised.value.error_code == code
        await provider.aclose()


async def test_failures_follow_their_shares_and_are_deterministic() -> None:
    async def outcomes(seed: int, attempt: int) -> list[bool]:
        provider = MockProvider(latency_s=0, failures={"server_error": 0.2, "moderation": 0.1}, seed=seed)
        failed = []
        for number in range(300):
            try:
                await provider.generate(request("[mock:plain]", task_id=f"t{number}", attempt=attempt))
                failed.append(False)
            except (Transient, Rejected):
                failed.append(True)
        await provider.aclose()
        return failed

    first = await outcomes(seed=1, attempt=0)
    assert 60 < sum(first) < 120
    assert await outcomes(seed=1, attempt=0) == first
    assert await outcomes(seed=2, attempt=0) != first
    assert await outcomes(seed=1, attempt=1) != first


async def test_a_marker_can_fail_the_first_attempts_only(provider: MockProvider) -> None:
    for attempt in (0, 1):
        with pytest.raises(RateLimited):
            await provider.generate(request("[mock:rate_limit=2]", attempt=attempt))
    assert (await provider.generate(request("[mock:rate_limit=2]", attempt=2))).data


async def test_a_marker_sets_the_latency_of_one_task(provider: MockProvider) -> None:
    started = time.monotonic()
    await provider.generate(request("[mock:latency=0.3] [mock:plain]"))
    assert time.monotonic() - started >= 0.3


async def test_markers_are_not_drawn(provider: MockProvider) -> None:
    marked = await provider.generate(request("a hat [mock:latency=0]", inputs=(jpeg(),)))
    assert marked.data == (await provider.generate(request("a hat", inputs=(jpeg(),)))).data


async def test_a_plain_picture_is_tiny(provider: MockProvider) -> None:
    assert len((await provider.generate(request("[mock:plain]"))).data or b"") < 2_000


@pytest.mark.parametrize("failures", [{"fire": 0.1}, {"hang": -0.1}, {"hang": 0.6, "empty": 0.6}])
def test_impossible_failures_are_refused(failures: dict[str, float]) -> None:
    with pytest.raises(Invalid):
        MockProvider(failures=failures)


async def test_drawing_is_cheap(provider: MockProvider) -> None:
    wanted = request("a coat in the rain", inputs=(jpeg(), jpeg(), jpeg()), width=1024, height=1536)
    await provider.generate(wanted)
    spent = []
    for _ in range(5):
        before = time.process_time()
        await provider.generate(wanted)
        spent.append(time.process_time() - before)
    assert min(spent) <= 0.06
