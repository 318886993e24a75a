"""What every image provider does. A test class per provider inherits this and provides `provider`.

`provider` is one whose far end answers at once with a picture; `slow_provider` one whose far end never answers.
"""

from __future__ import annotations

import asyncio
import io
import time
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from providers.images.base import ImageProvider, ImageRequest
from schemas.errors import Ambiguous

if TYPE_CHECKING:
    from providers.images.base import Capabilities, GeneratedImage


def jpeg(colour: tuple[int, int, int] = (200, 30, 60), size: tuple[int, int] = (320, 480)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


def a_request(capabilities: Capabilities, *, deadline_s: float = 20.0) -> ImageRequest:
    inputs = () if capabilities.generate else (jpeg(),)
    return ImageRequest(
        task_id="task-1", owner_id="owner-1", prompt="a red scarf", inputs=inputs, deadline_s=deadline_s
    )


def opened(image: GeneratedImage) -> Image.Image:
    assert image.data is not None
    return Image.open(io.BytesIO(image.data)).convert("RGB")


class ImageProviderContract:
    async def test_it_is_an_image_provider(self, provider: ImageProvider) -> None:
        assert isinstance(provider, ImageProvider)
        assert provider.name

    async def test_its_capabilities_make_sense(self, provider: ImageProvider) -> None:
        can = provider.capabilities
        assert can.edit or can.generate
        assert can.edit == (can.max_inputs > 0)

    async def test_it_makes_a_picture_or_says_where_it_is(self, provider: ImageProvider) -> None:
        image = await provider.generate(a_request(provider.capabilities))
        assert image.provider == provider.name
        assert image.model
        assert (image.data is None) != (image.url is None)
        assert image.data is None or opened(image).size[0] > 0

    async def test_what_costs_nothing_says_so_and_what_costs_says_how_much(self, provider: ImageProvider) -> None:
        image = await provider.generate(a_request(provider.capabilities))
        assert (image.cost_usd > 0) == provider.capabilities.paid

    async def test_many_calls_run_side_by_side(self, provider: ImageProvider) -> None:
        images = await asyncio.gather(*(provider.generate(a_request(provider.capabilities)) for _ in range(10)))
        assert len(images) == 10

    async def test_resumable_work_is_announced_before_it_is_waited_for(self, provider: ImageProvider) -> None:
        told: list[str] = []

        async def on_started(job_id: str) -> None:
            told.append(job_id)

        await provider.generate(a_request(provider.capabilities), on_started=on_started)
        assert bool(told) == provider.capabilities.resumable

    async def test_no_answer_in_time_is_ambiguous_and_cut_within_a_second(self, slow_provider: ImageProvider) -> None:
        started = time.monotonic()
        with pytest.raises(Ambiguous):
            await slow_provider.generate(a_request(slow_provider.capabilities, deadline_s=0.5))
        assert time.monotonic() - started < 1.5

    async def test_a_cancelled_call_ends_at_once(self, slow_provider: ImageProvider) -> None:
        call = asyncio.ensure_future(slow_provider.generate(a_request(slow_provider.capabilities)))
        await asyncio.wait([call], timeout=0.2)
        call.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert time.monotonic() - started < 1.5
