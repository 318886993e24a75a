"""Our real providers against the counting provider."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import httpx
import pytest
from PIL import Image
from pydantic import SecretStr

from devtools.chaos.provider import CountingProvider, Kind, marked
from providers.images.base import ImageRequest
from providers.images.config import ProviderConfig, ProviderSettings
from providers.images.openai.provider import OpenAIProvider
from providers.images.openai.settings import OpenAISettings
from providers.images.prices import price_table
from providers.images.replicate.provider import ReplicateProvider
from providers.images.replicate.settings import ReplicateSettings
from providers.images.retirement import model_status
from schemas.errors import Ambiguous, RateLimited, Rejected, Transient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingProvider]:
    with CountingProvider(tmp_path_factory.mktemp("log") / "provider.log", latency_s=0.05) as provider:
        yield provider


@pytest.fixture
def counting(running: CountingProvider) -> CountingProvider:
    running.behave()
    return running


@pytest.fixture
async def openai(counting: CountingProvider) -> AsyncIterator[OpenAIProvider]:
    provider = OpenAIProvider(_config(OpenAISettings(api_key=SecretStr("key"), base_url=counting.openai_url)))
    yield provider
    await provider.aclose()


@pytest.fixture
async def replicate(counting: CountingProvider) -> AsyncIterator[ReplicateProvider]:
    provider = ReplicateProvider(
        _config(ReplicateSettings(api_token=SecretStr("key"), base_url=counting.replicate_url))
    )
    yield provider
    await provider.aclose()


def _config(settings: ProviderSettings) -> ProviderConfig:
    return ProviderConfig(mock_mode=False, settings=settings, prices=price_table())


def _request(task: str, *, inputs: tuple[bytes, ...] = (b"jpeg",), deadline_s: float = 10.0) -> ImageRequest:
    prompt = marked("a red coat", task)
    return ImageRequest(task_id=task, owner_id="o", prompt=prompt, inputs=inputs, deadline_s=deadline_s)


async def test_openai_edits_and_generations_are_counted_by_task(
    counting: CountingProvider, openai: OpenAIProvider
) -> None:
    edited = await openai.generate(_request("edit-1"))
    await openai.generate(_request("generation-1", inputs=()))
    assert Image.open(io.BytesIO(edited.data or b"")).size == (256, 384)
    assert edited.output_tokens == 1584
    paid = counting.paid_calls(Kind.OPENAI)
    assert (paid["edit-1"], paid["generation-1"]) == (1, 1)


async def test_a_prediction_can_be_resumed_and_is_billed_once(
    counting: CountingProvider, replicate: ReplicateProvider
) -> None:
    started: list[str] = []

    async def remember(prediction_id: str) -> None:
        started.append(prediction_id)

    first = await replicate.generate(_request("again", inputs=()), on_started=remember)
    second = await replicate.generate(_request("again", inputs=()), resume=started[0])
    assert first.url == second.url
    async with httpx.AsyncClient(trust_env=False) as client:
        picture = await client.get(first.url or "")
    assert picture.headers["content-type"] == "image/jpeg"
    assert counting.paid_calls(Kind.REPLICATE)["again"] == 1


async def test_a_cancelled_prediction_is_not_billed(counting: CountingProvider, replicate: ReplicateProvider) -> None:
    counting.behave(latency_s=5.0)
    begun = asyncio.Event()

    async def begin(_: str) -> None:
        begun.set()

    work = asyncio.ensure_future(replicate.generate(_request("cancelled", inputs=()), on_started=begin))
    await begun.wait()
    assert counting.paid_calls()["cancelled"] == 1
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    counting.behave(latency_s=0.05)
    assert "cancelled" not in counting.paid_calls()


@pytest.mark.parametrize(
    ("share", "error", "paid"),
    [
        ("rate_limit", RateLimited, 0),
        ("server_error", Transient, 0),
        ("moderation", Rejected, 0),
        ("hang", Ambiguous, 1),
        ("empty", Ambiguous, 1),
        ("reply_lost", Ambiguous, 1),
    ],
)
async def test_openai_returns_the_configured_failures(
    counting: CountingProvider, openai: OpenAIProvider, share: str, error: type[Exception], paid: int
) -> None:
    counting.behave(**{share: 1.0})
    with pytest.raises(error) as raised:
        await openai.generate(_request(f"bad-{share}", deadline_s=0.5))
    assert getattr(raised.value, "retry_after", None) == (1.0 if share == "rate_limit" else None)
    assert counting.paid_calls(Kind.OPENAI).get(f"bad-{share}", 0) == paid
    assert counting.provoked_calls(Kind.OPENAI).get(f"bad-{share}", 0) == paid


@pytest.mark.parametrize(
    ("share", "error", "paid"),
    [
        ("rate_limit", RateLimited, 0),
        ("server_error", Transient, 0),
        ("moderation", Rejected, 0),
        ("hang", Ambiguous, 0),
        ("empty", Ambiguous, 1),
        ("reply_lost", Ambiguous, 1),
    ],
)
async def test_replicate_returns_the_configured_failures(
    counting: CountingProvider, replicate: ReplicateProvider, share: str, error: type[Exception], paid: int
) -> None:
    counting.behave(**{share: 1.0})
    with pytest.raises(error):
        await replicate.generate(_request(f"bad-{share}", inputs=(), deadline_s=0.8))
    assert counting.paid_calls(Kind.REPLICATE).get(f"bad-{share}", 0) == paid


async def test_every_model_is_available(openai: OpenAIProvider, replicate: ReplicateProvider) -> None:
    for provider in (openai, replicate):
        status = await model_status(provider)
        assert status
        assert status.available
