from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from pydantic import SecretStr

from providers.images.base import ImageRequest
from providers.images.config import ProviderConfig
from providers.images.openai_compatible.provider import OpenAICompatibleProvider
from providers.images.openai_compatible.settings import OpenAICompatibleSettings
from providers.images.prices import price_table
from providers.images.privacy import PrivacyClass
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Rejected, Transient
from tests.contracts.fake_provider import FakeProvider
from tests.contracts.image_provider import ImageProviderContract, jpeg
from tests.contracts.scripted_server import (
    ReceivedRequest,
    always,
    closed_port_url,
    cut_short,
    respond,
    run_server,
    send_60_mb,
)

REQUEST = ImageRequest(task_id="t1", owner_id="o1", prompt="a red scarf", inputs=(jpeg(), jpeg()), deadline_s=20)

#: Path of the emulated API; `provider` and `slow_provider` are made for it.
API_PATH = "/v1"


def make(url: str, *, prices: str | None = None, mock_mode: bool = False, **more: Any) -> OpenAICompatibleProvider:
    fields: dict[str, Any] = {"base_url": url, "api_key": SecretStr("SECRET")} | more
    settings = OpenAICompatibleSettings(**fields)
    return OpenAICompatibleProvider(ProviderConfig(mock_mode=mock_mode, settings=settings, prices=price_table(prices)))


class TestOpenAICompatibleProvider(ImageProviderContract):
    pass


async def test_a_server_of_your_own_costs_nothing_and_keeps_pictures_at_home(
    provider: OpenAICompatibleProvider,
) -> None:
    image = await provider.generate(REQUEST)
    assert (image.cost_usd, provider.capabilities.paid) == (0, False)
    assert provider.capabilities.privacy.privacy_class is PrivacyClass.SELF_HOSTED


async def test_edits_are_multipart_with_the_inputs_in_order_and_generations_are_json() -> None:
    async def handler(_: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        respond(writer, 200, {"data": [{"b64_json": "/9j/"}]})

    async with run_server(handler) as end:
        provider = make(f"{end.url}/v1/", model="qwen", extra='{"seed": 7, "response_format": null}')
        await provider.generate(REQUEST)
        await provider.generate(REQUEST.model_copy(update={"inputs": REQUEST.inputs[:1]}))
        await provider.generate(REQUEST.model_copy(update={"inputs": ()}))
        two, one, none = end.requests
        assert two.path == one.path == "/v1/images/edits"
        assert two.form == [
            ("model", b"qwen"), ("prompt", b"a red scarf"), ("size", b"1024x1536"), ("n", b"1"), ("seed", b"7"),
            ("image[]", REQUEST.inputs[0]), ("image[]", REQUEST.inputs[1]),
        ]  # fmt: skip
        assert [name for name, _ in one.form if name.startswith("image")] == ["image"]
        assert none.path == "/v1/images/generations"
        assert none.json == {"model": "qwen", "prompt": "a red scarf", "size": "1024x1536", "n": 1, "seed": 7}
        assert two.headers["authorization"] == "Bearer SECRET"
        await provider.aclose()


async def test_a_server_without_a_key_gets_none_and_an_address_is_passed_on() -> None:
    async with run_server(always(200, {"data": [{"url": "http://gpu/x.png"}]})) as end:
        provider = make(end.url, api_key=None)
        assert (await provider.generate(REQUEST)).url == "http://gpu/x.png"
        assert "authorization" not in end.requests[0].headers
        await provider.aclose()


async def test_a_paid_proxy_has_a_price_and_is_off_in_mock_mode(fake: FakeProvider) -> None:
    prices = '{"proxied": {"per_image_usd": 0.02, "estimate_usd": 0.03}}'
    provider = make(f"{fake.url}/v1", prices=prices, paid=True, model="proxied")
    assert (await provider.generate(REQUEST)).cost_usd == 0.02
    assert provider.capabilities.privacy.privacy_class is PrivacyClass.ANY
    await provider.aclose()
    for more, code in (
        ({"paid": True, "model": "proxied", "prices": prices, "mock_mode": True}, "mock_mode"),
        ({"paid": True, "model": "unknown"}, "prices"),
        ({"base_url": None}, "provider_refused"),
        ({"extra": "[1]"}, "provider_options"),
    ):
        with pytest.raises(Invalid) as raised:
            make(fake.url, **more)
        assert raised.value.error_code == code


FAULTS: list[tuple[str, Any, type[DarkroomError], str]] = [
    ("refused", always(400, {"error": {"code": "content_policy_violation"}}), Rejected, "moderation_blocked"),
    ("400", always(400, {"error": {"message": "SECRET", "code": 400}}), Invalid, "request_refused"),
    ("400 text", always(400, b"SECRET"), Invalid, "request_refused"),
    ("401", always(401, {"detail": "SECRET"}), Invalid, "provider_refused"),
    ("429", always(429, {}, retry_after="3"), RateLimited, "rate_limited"),
    ("500", always(500, b"SECRET"), Transient, "server_error"),
    ("502", always(502), Ambiguous, "gateway"),
    ("cut", cut_short, Ambiguous, "cut_off"),
    ("60 MB", send_60_mb, Ambiguous, "answer_too_large"),
    ("no JSON", always(200, b"SECRET"), Ambiguous, "no_picture"),
    ("no data", always(200, {"data": []}), Ambiguous, "no_picture"),
    ("no base64", always(200, {"data": [{"b64_json": "SECRET%"}]}), Ambiguous, "bad_picture"),
]


@pytest.mark.parametrize(("handler", "kind", "code"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
async def test_a_fault_is_one_typed_error_after_one_call(handler: Any, kind: type[DarkroomError], code: str) -> None:
    async with run_server(handler) as end:
        provider = make(end.url)
        with pytest.raises(DarkroomError) as raised:
            await provider.generate(REQUEST)
        error = raised.value
        assert type(error) is kind
        assert error.error_code == code
        assert "SECRET" not in f"{error} {error.details} {error.public_message}"
        assert len(end.requests) == 1
        await provider.aclose()


async def test_an_address_nobody_listens_on_is_unreachable() -> None:
    provider = make(await closed_port_url())
    with pytest.raises(Transient) as raised:
        await provider.generate(REQUEST)
    assert raised.value.error_code == "unreachable"
    await provider.aclose()


async def test_openai_s_own_client_understands_the_fake(fake: FakeProvider) -> None:
    """The fake speaks OpenAI's wire format: OpenAI's client edits and generates with it."""
    async with openai.AsyncOpenAI(api_key="SECRET", base_url=f"{fake.url}/v1", max_retries=0) as client:
        edited = await client.images.edit(image=[("0.jpg", jpeg()), ("1.jpg", jpeg())], prompt="x", model="m")
        assert edited.data
        assert edited.data[0].b64_json
        generated = await client.images.generate(prompt="x", model="m")
        assert generated.data
        fake.behave(moderation=1)
        with pytest.raises(openai.BadRequestError) as raised:
            await client.images.generate(prompt="x", model="m")
        assert raised.value.code == "moderation_blocked"
    assert json.loads(fake.asked[-1].body)["prompt"] == "x"
