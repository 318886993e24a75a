from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types
from pydantic import SecretStr

from providers.images.base import ImageRequest
from providers.images.config import ProviderConfig
from providers.images.gemini.provider import GeminiProvider
from providers.images.gemini.settings import GeminiSettings
from providers.images.prices import price_table
from providers.images.privacy import PrivacyClass
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Rejected, Transient
from tests.contracts.fake_provider import FakeProvider
from tests.contracts.image_provider import ImageProviderContract, jpeg
from tests.contracts.scripted_server import always, closed_port_url, cut_short, run_server, send_60_mb

MODEL = "gemini-nano-banana-2.1"
REQUEST = ImageRequest(
    task_id="t1", owner_id="o1", prompt="the whole prompt", producer_prompt="the wish", inputs=(jpeg(), jpeg()),
    deadline_s=20,
)  # fmt: skip

#: Path of the emulated API; `provider` and `slow_provider` are made for it.
API_PATH = "/gemini"


def make(url: str, **more: Any) -> GeminiProvider:
    prices = more.pop("prices", price_table())
    settings = GeminiSettings(api_key=SecretStr("SECRET"), base_url=url, **more)
    return GeminiProvider(ProviderConfig(mock_mode=False, settings=settings, prices=prices))


class TestGeminiProvider(ImageProviderContract):
    pass


async def test_the_whole_prompt_and_every_input_go_in_order(provider: GeminiProvider, fake: FakeProvider) -> None:
    image = await provider.generate(REQUEST)
    [asked] = fake.asked
    assert asked.headers["x-goog-api-key"] == "SECRET"
    assert asked.path[-1] == f"{MODEL}:generateContent"
    body = json.loads(asked.body)
    text, *pictures = body["contents"][0]["parts"]
    assert text == {"text": "the whole prompt"}
    assert [base64.b64decode(part["inlineData"]["data"]) for part in pictures] == list(REQUEST.inputs)
    assert body["generationConfig"] == {
        "responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "2:3", "imageSize": "1K"}
    }  # fmt: skip
    assert image.cost_usd == pytest.approx(0.0336 + 1500 * 1.5e-6)
    assert (image.input_tokens, image.output_tokens) == (1500, 1120)


@pytest.mark.parametrize(
    ("size", "ratio"), [((1024, 1024), "1:1"), ((1024, 1280), "4:5"), ((1000, 990), "1:1"), ((100, 900), "9:16")]
)
async def test_a_size_is_asked_for_by_its_nearest_ratio(
    provider: GeminiProvider, fake: FakeProvider, size: tuple[int, int], ratio: str
) -> None:
    await provider.generate(REQUEST.model_copy(update={"width": size[0], "height": size[1], "inputs": ()}))
    assert json.loads(fake.asked[0].body)["generationConfig"]["imageConfig"]["aspectRatio"] == ratio


@pytest.mark.parametrize(
    ("share", "kind", "code"),
    [
        ("moderation", Rejected, "moderation_blocked"),
        ("rate_limit", RateLimited, "rate_limited"),
        ("server_error", Transient, "server_error"),
        ("empty", Ambiguous, "no_picture"),
        ("reply_lost", Ambiguous, "cut_off"),
    ],
)
async def test_the_fake_s_faults_are_typed_errors(
    provider: GeminiProvider, fake: FakeProvider, share: str, kind: type[DarkroomError], code: str
) -> None:
    fake.behave(**{share: 1})
    with pytest.raises(DarkroomError) as raised:
        await provider.generate(REQUEST)
    check(raised.value, kind, code)
    if kind is RateLimited:
        assert raised.value.retry_after == 1


def finished(reason: str, *parts: Any) -> Any:
    return always(200, {"candidates": [{"finishReason": reason, "content": {"parts": list(parts)}}]})


FAULTS: list[tuple[str, Any, type[DarkroomError], str]] = [
    ("blocked", always(200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}), Rejected, "moderation_blocked"),
    ("person", finished("IMAGE_PROHIBITED_CONTENT"), Rejected, "moderation_blocked"),
    ("private", finished("SPII"), Rejected, "moderation_blocked"),
    ("says no", finished("NO_IMAGE", {"text": "SECRET"}), Rejected, "moderation_blocked"),
    ("too long", finished("MAX_TOKENS"), Ambiguous, "no_picture"),
    ("draft only", finished("STOP", {"thought": True, "inlineData": {"data": "/9j/"}}), Ambiguous, "no_picture"),
    ("no base64", finished("STOP", {"inlineData": {"data": "SECRET%"}}), Ambiguous, "bad_picture"),
    ("no JSON", always(200, b"SECRET"), Ambiguous, "no_picture"),
    ("400", always(400, {"error": {"message": "SECRET"}}), Invalid, "request_refused"),
    ("403", always(403, {"error": {"message": "SECRET"}}), Invalid, "provider_refused"),
    ("404", always(404, {"error": {"message": "SECRET"}}), Invalid, "model_retired"),
    ("429", always(429, b"SECRET"), RateLimited, "rate_limited"),
    ("503", always(503, {"error": {"status": "UNAVAILABLE"}}), Transient, "overloaded"),
    ("504", always(504), Ambiguous, "gateway"),
    ("cut", cut_short, Ambiguous, "cut_off"),
    ("60 MB", send_60_mb, Ambiguous, "answer_too_large"),
]


def check(error: DarkroomError, kind: type[DarkroomError], code: str) -> None:
    assert type(error) is kind
    assert error.error_code == code
    assert "SECRET" not in f"{error} {error.details} {error.public_message}"


@pytest.mark.parametrize(("handler", "kind", "code"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
async def test_a_fault_is_one_typed_error_after_one_call(handler: Any, kind: type[DarkroomError], code: str) -> None:
    async with run_server(handler) as end:
        provider = make(end.url)
        with pytest.raises(DarkroomError) as raised:
            await provider.generate(REQUEST)
        check(raised.value, kind, code)
        assert len(end.requests) == 1
        await provider.aclose()


async def test_a_picture_counts_whatever_the_finish_reason_says() -> None:
    data = base64.b64encode(jpeg()).decode()
    async with run_server(finished("NO_IMAGE", {"text": "Here it is"}, {"inlineData": {"data": data}})) as end:
        provider = make(end.url)
        assert (await provider.generate(REQUEST)).data == jpeg()
        await provider.aclose()


async def test_an_address_nobody_listens_on_is_unreachable() -> None:
    provider = make(await closed_port_url())
    with pytest.raises(Transient) as raised:
        await provider.generate(REQUEST)
    assert raised.value.error_code == "unreachable"
    await provider.aclose()


def test_it_is_not_made_in_mock_mode_without_a_key_or_a_price_for_the_size() -> None:
    key = SecretStr("k")
    for mock_mode, settings, code in (
        (True, GeminiSettings(api_key=key), "mock_mode"),
        (False, GeminiSettings(api_key=None), "provider_refused"),
        (False, GeminiSettings(api_key=key, model="gemini-99"), "prices"),
        (False, GeminiSettings(api_key=key, image_size="2K"), "prices"),
    ):
        with pytest.raises(Invalid) as raised:
            GeminiProvider(ProviderConfig(mock_mode=mock_mode, settings=settings, prices=price_table()))
        assert raised.value.error_code == code


async def test_it_does_not_train_and_keeps_for_55_days(provider: GeminiProvider) -> None:
    assert provider.capabilities.privacy.privacy_class is PrivacyClass.NO_TRAINING


async def test_google_s_own_client_understands_the_fake(fake: FakeProvider) -> None:
    """The fake speaks Gemini's wire format: Google's client makes a picture with it and reads refusals and errors."""
    transport = httpx.HTTPTransport()
    options = types.HttpOptions(base_url=f"{fake.url}/gemini", client_args={"transport": transport})
    client = genai.Client(api_key="SECRET", http_options=options)
    contents: Any = ["a scarf", types.Part.from_bytes(data=jpeg(), mime_type="image/jpeg")]

    def ask() -> types.GenerateContentResponse:
        config = types.GenerateContentConfig(response_modalities=["IMAGE"])
        return client.models.generate_content(model=MODEL, contents=contents, config=config)

    made = await asyncio.to_thread(ask)
    sent = json.loads(fake.asked[0].body)
    assert sent["generationConfig"] == {"responseModalities": ["IMAGE"]}
    assert sent["contents"][0]["parts"][0] == {"text": "a scarf"}
    assert sent["contents"][0]["parts"][1]["inlineData"]["data"]
    assert made.candidates
    assert made.candidates[0].content
    assert made.candidates[0].content.parts
    assert made.candidates[0].content.parts[0].inline_data
    assert made.usage_metadata
    assert made.usage_metadata.prompt_token_count == 1500

    fake.behave(moderation=1)
    refused = await asyncio.to_thread(ask)
    assert refused.candidates
    assert refused.candidates[0].finish_reason
    assert refused.candidates[0].finish_reason.value == "IMAGE_SAFETY"

    fake.behave(rate_limit=1)
    with pytest.raises(genai_errors.ClientError) as raised:
        await asyncio.to_thread(ask)
    assert (raised.value.code, raised.value.status) == (429, "RESOURCE_EXHAUSTED")
    transport.close()
