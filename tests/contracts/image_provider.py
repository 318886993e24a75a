"""Contract of image providers. A test class per provider inherits this and provides two fixtures.

The server of `provider` answers immediately with a picture; that of `slow_provider` never answers.
"""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from providers.images.base import ImageProvider, ImageRequest
from schemas.errors import Ambiguous
from tests.waiting import LIMIT_S

if TYPE_CHECKING:
    from providers.images.base import Capabilities, GeneratedImage


def jpeg(colour: tuple[int, int, int] = (200, 30, 60), size: tuple[int, int] = (320, 480)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


def sample_request(capabilities: Capabilities, *, deadline_s: float = 20.0) -> ImageRequest:
    inputs = () if capabilities.generate else (jpeg(),) * max(1, capabilities.min_inputs)
    return ImageRequest(
        task_id="task-1", owner_id="owner-1", prompt="a red scarf", inputs=inputs, deadline_s=deadline_s
    )


def opened(image: GeneratedImage) -> Image.Image:
    assert image.data is not None
    return Image.open(io.BytesIO(image.data)).convert("RGB")


class ImageProviderContract:
    async def test_it_implements_the_provider_protocol(self, provider: ImageProvider) -> None:
        assert isinstance(provider, ImageProvider)
        assert provider.name

    async def test_its_capabilities_are_consistent(self, provider: ImageProvider) -> None:
        can = provider.capabilities
        assert can.edit or can.generate
        assert can.edit == (can.max_inputs > 0)

    async def test_it_returns_a_picture_or_its_url(self, provider: ImageProvider) -> None:
        image = await provider.generate(sample_request(provider.capabilities))
        assert image.provider == provider.name
        assert image.model
        assert (image.data is None) != (image.url is None)
        assert image.data is None or opened(image).size[0] > 0

    async def test_free_providers_report_no_cost_and_paid_ones_report_theirs(self, provider: ImageProvider) -> None:
        image = await provider.generate(sample_request(provider.capabilities))
        assert (image.cost_usd > 0) == provider.capabilities.paid

    async def test_calls_run_concurrently(self, provider: ImageProvider) -> None:
        images = await asyncio.gather(*(provider.generate(sample_request(provider.capabilities)) for _ in range(10)))
        assert len(images) == 10

    async def test_the_id_of_resumable_work_is_reported_before_waiting_for_it(self, provider: ImageProvider) -> None:
        started: list[str] = []

        async def on_started(job_id: str) -> None:
            started.append(job_id)

        await provider.generate(sample_request(provider.capabilities), on_started=on_started)
        assert bool(started) == provider.capabilities.resumable

    async def test_a_timeout_is_ambiguous_and_ends_the_call_at_its_deadline(self, slow_provider: ImageProvider) -> None:
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(Ambiguous):
                await slow_provider.generate(sample_request(slow_provider.capabilities, deadline_s=0.5))

    async def test_a_cancelled_call_ends_immediately(self, slow_provider: ImageProvider) -> None:
        call = asyncio.ensure_future(slow_provider.generate(sample_request(slow_provider.capabilities)))
        await asyncio.wait([call], timeout=0.2)
        call.cancel()
        await asyncio.wait([call], timeout=LIMIT_S)
        assert call.cancelled()
