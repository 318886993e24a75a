from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from providers.images.config import ProviderConfig
from providers.images.openai.provider import OpenAIProvider
from providers.images.openai.settings import OpenAISettings
from providers.images.prices import price_table
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Rejected, Transient
from tests.contracts.image_provider import ImageProviderContract, jpeg, sample_request
from tests.contracts.scripted_server import (
    ReceivedRequest,
    ScriptedServer,
    always,
    closed_port_url,
    cut_short,
    hang,
    run_server,
    send_60_mb,
)
from tests.waiting import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PICTURE = jpeg((10, 120, 60))
USAGE = {
    "input_tokens": 1300,
    "input_tokens_details": {"image_tokens": 1200, "text_tokens": 100},
    "output_tokens": 1584,
    "output_tokens_details": {"image_tokens": 1580, "text_tokens": 4},
    "total_tokens": 2884,
}
SUCCESS = {
    "created": 1_790_000_000,
    "background": "opaque",
    "output_format": "jpeg",
    "quality": "medium",
    "size": "1024x1536",
    "data": [{"b64_json": base64.b64encode(PICTURE).decode()}],
    "usage": USAGE,
}


def error(code: str | None, kind: str = "invalid_request_error") -> dict[str, Any]:
    said = "Your request with the prompt SECRET was rejected by key sk-SECRET."
    return {"error": {"message": said, "type": kind, "param": None, "code": code}}


def make(url: str, **more: Any) -> OpenAIProvider:
    settings = OpenAISettings(api_key=SecretStr("sk-SECRET"), base_url=f"{url}/v1", **more)
    return OpenAIProvider(ProviderConfig(mock_mode=False, settings=settings, prices=price_table()))


@pytest.fixture
async def end() -> AsyncIterator[ScriptedServer]:
    async with run_server(always(200, SUCCESS)) as end:
        yield end


@pytest.fixture
async def provider(end: ScriptedServer) -> AsyncIterator[OpenAIProvider]:
    provider = make(end.url)
    yield provider
    await provider.aclose()


@pytest.fixture
async def slow_provider() -> AsyncIterator[OpenAIProvider]:
    async with run_server(hang) as end:
        provider = make(end.url)
        yield provider
        await provider.aclose()


class TestOpenAIProvider(ImageProviderContract):
    pass


def edit(**more: Any) -> Any:
    inputs = tuple(jpeg((number * 15, 0, 0)) for number in range(16))
    return sample_request(make("http://x").capabilities).model_copy(update={"inputs": inputs} | more)


async def test_an_edit_sends_sixteen_inputs_in_order(provider: OpenAIProvider, end: ScriptedServer) -> None:
    request = edit()
    image = await provider.generate(request)
    asked = end.requests[0]
    assert (asked.method, asked.path) == ("POST", "/v1/images/edits")
    assert asked.headers["authorization"] == "Bearer sk-SECRET"
    assert [content for name, content in asked.form if name == "image[]"] == list(request.inputs)
    assert fields(asked) == {
        "model": "gpt-image-2.6-flare",
        "prompt": "a red scarf",
        "size": "1024x1536",
        "quality": "medium",
        "n": "1",
        "output_format": "jpeg",
    }
    assert image.data == PICTURE


async def test_a_single_input_is_sent_as_a_list(provider: OpenAIProvider, end: ScriptedServer) -> None:
    await provider.generate(edit(inputs=(PICTURE,)))
    assert [content for name, content in end.requests[0].form if name == "image[]"] == [PICTURE]


async def test_a_generation_sends_json(provider: OpenAIProvider, end: ScriptedServer) -> None:
    await provider.generate(edit(inputs=()))
    assert end.requests[0].path == "/v1/images/generations"
    assert end.requests[0].json == {
        "model": "gpt-image-2.6-flare",
        "prompt": "a red scarf",
        "size": "1024x1536",
        "quality": "medium",
        "n": 1,
        "output_format": "jpeg",
    }


def fields(asked: ReceivedRequest) -> dict[str, str]:
    return {name: content.decode() for name, content in asked.form if name != "image[]"}


async def test_settings_are_sent_in_the_request(end: ScriptedServer) -> None:
    options = {"quality": "max", "complexity": "low"}
    provider = make(end.url, **options)
    await provider.generate(edit(inputs=(PICTURE,), width=1024, height=1024))
    assert options.items() <= fields(end.requests[0]).items()
    assert fields(end.requests[0])["size"] == "1024x1024"
    await provider.aclose()


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("gpt-image-1", True),
        ("gpt-image-1.5", True),
        ("gpt-image-1-mini", False),
        ("gpt-image-2", False),
        ("gpt-image-2.5-sunburst", False),
        ("gpt-image-2.6-flare", False),
    ],
)
async def test_input_fidelity_is_sent_to_models_before_2_only(end: ScriptedServer, model: str, *, sent: bool) -> None:
    provider = make(end.url, model=model, input_fidelity="high")
    await provider.generate(edit(inputs=(PICTURE,)))
    assert ("input_fidelity" in fields(end.requests[0])) is sent
    assert fields(end.requests[0])["model"] == model
    await provider.aclose()


async def test_a_configured_size_replaces_the_requested_one(end: ScriptedServer) -> None:
    provider = make(end.url, size="2048x3072")
    assert provider.capabilities.makes_size(1, 1)
    await provider.generate(edit(inputs=(PICTURE,)))
    assert fields(end.requests[0])["size"] == "2048x3072"
    await provider.aclose()


def test_only_supported_sizes_are_routed_to_the_model() -> None:
    old, new = make("http://x", model="gpt-image-1.5").capabilities, make("http://x").capabilities
    assert [can.makes_size(1024, 1536) for can in (old, new)] == [True, True]
    assert [can.makes_size(2048, 2048) for can in (old, new)] == [False, True]
    assert [can.makes_size(1000, 1000) for can in (old, new)] == [False, False]


@pytest.mark.parametrize(
    "model",
    [
        "gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-1.5-2025-12-16", "chatgpt-image-latest",
        "gpt-image-2", "gpt-image-2-2026-04-21", "gpt-image-2.5-flare", "gpt-image-2.5-sunburst-2026-09-08",
        "gpt-image-2.6-sunburst",
    ],
)  # fmt: skip
def test_every_model_of_openai_is_accepted_with_a_price(model: str) -> None:
    can = make("http://x", model=model).capabilities
    assert can.estimate_usd > 0
    assert can.max_inputs == 16


def test_an_unsupported_option_is_refused_before_any_paid_call() -> None:
    with pytest.raises(Invalid, match="OPENAI_QUALITY"):
        make("http://x", model="gpt-image-2", quality="xhigh")


async def test_a_retired_model_names_the_setting_to_change() -> None:
    async with run_server(always(404, error("model_not_found"))) as end:
        provider = make(end.url)
        with pytest.raises(Invalid, match="OPENAI_MODEL") as raised:
            await provider.generate(edit())
        assert raised.value.details["setting"] == "OPENAI_MODEL"
        assert raised.value.details["model"] == "gpt-image-2.6-flare"
        assert "OPENAI_MODEL" not in raised.value.public_message
        await provider.aclose()


async def test_tokens_are_counted_and_priced(provider: OpenAIProvider) -> None:
    image = await provider.generate(edit())
    assert (image.input_tokens, image.output_tokens) == (1300, 1584)
    assert image.cost_usd == pytest.approx((100 * 5 + 1200 * 8 + 1580 * 30) / 1_000_000)


async def test_prices_can_be_overridden(end: ScriptedServer) -> None:
    prices = price_table('{"gpt-image-2.6-flare": {"image_out": 10, "estimate_usd": 0.1}}')
    settings = OpenAISettings(api_key=SecretStr("k"), base_url=f"{end.url}/v1")
    provider = OpenAIProvider(ProviderConfig(mock_mode=False, settings=settings, prices=prices))
    assert (await provider.generate(edit())).cost_usd == pytest.approx(0.0158)
    await provider.aclose()


async def test_a_response_with_a_url_returns_the_url() -> None:
    address = "https://files.example/picture.png?sig=1"
    async with run_server(always(200, SUCCESS | {"data": [{"url": address}]})) as end:
        provider = make(end.url)
        image = await provider.generate(edit())
        assert (image.data, image.url) == (None, address)
        await provider.aclose()


FAULTS: list[tuple[str, Any, type[DarkroomError], str]] = [
    ("429", always(429, error("rate_limit_exceeded")), RateLimited, "rate_limited"),
    ("400 moderation", always(400, error("moderation_blocked")), Rejected, "moderation_blocked"),
    ("400 policy", always(400, error("content_policy_violation")), Rejected, "moderation_blocked"),
    ("400 other", always(400, error("invalid_value")), Invalid, "request_refused"),
    ("400 no money", always(400, error("billing_hard_limit_reached")), Invalid, "provider_refused"),
    ("429 no money", always(429, error("insufficient_quota")), Invalid, "provider_refused"),
    ("401", always(401, error("invalid_api_key")), Invalid, "provider_refused"),
    ("404", always(404, error("model_not_found")), Invalid, "model_retired"),
    ("400 no such model", always(400, error("model_not_found")), Invalid, "model_retired"),
    ("403 not for this project", always(403, error("model_not_found")), Invalid, "provider_refused"),
    ("404 of a proxy", always(404, b"<html>"), Invalid, "provider_refused"),
    ("500", always(500, error(None, "server_error")), Transient, "server_error"),
    ("500 no JSON", always(500, b"<html>", content_type="text/html"), Transient, "server_error"),
    ("503", always(503, error(None)), Transient, "overloaded"),
    ("502", always(502, b""), Ambiguous, "gateway"),
    ("a redirect", always(307, b"", location="http://127.0.0.1:1/"), Ambiguous, "unexpected_status"),
    ("cut_short", cut_short, Ambiguous, "cut_off"),
    ("60 MB", send_60_mb, Ambiguous, "answer_too_large"),
    ("compressed", always(200, b"\x1f\x8b", content_encoding="gzip"), Ambiguous, "answer_too_large"),
    ("200 empty list", always(200, SUCCESS | {"data": []}), Ambiguous, "no_picture"),
    ("200 no list", always(200, {"created": 1}), Ambiguous, "no_picture"),
    ("200 empty item", always(200, SUCCESS | {"data": [{}]}), Ambiguous, "no_picture"),
    ("200 other shape", always(200, {"data": "x", "usage": []}), Ambiguous, "no_picture"),
    ("200 no JSON", always(200, b"hello", content_type="text/plain"), Ambiguous, "no_picture"),
    ("bad base64", always(200, SUCCESS | {"data": [{"b64_json": "%%%"}]}), Ambiguous, "bad_picture"),
    ("base64 of text", always(200, SUCCESS | {"data": [{"b64_json": "aGVsbG8="}]}), Ambiguous, "bad_picture"),
    ("bad address", always(200, SUCCESS | {"data": [{"url": "file:///etc/passwd"}]}), Ambiguous, "bad_picture"),
]


@pytest.mark.parametrize(
    ("handler", "kind", "code"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
async def test_each_failure_is_a_typed_error_after_one_call(handler: Any, kind: type[DarkroomError], code: str) -> None:
    async with run_server(handler) as end:
        provider = make(end.url)
        with pytest.raises(DarkroomError) as raised:
            await provider.generate(edit())
        assert type(raised.value) is kind
        assert raised.value.error_code == code
        assert "SECRET" not in f"{raised.value} {raised.value.details} {raised.value.public_message}"
        assert "127.0.0.1" not in f"{raised.value} {raised.value.details}"
        assert len(end.requests) == 1
        await provider.aclose()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "Sun, 22 Nov 2026 10:00:30 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 30.0),
    ],
)
async def test_a_429_keeps_its_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    async with run_server(always(429, error("rate_limit_exceeded"), **headers)) as end:
        provider = make(end.url)
        with pytest.raises(RateLimited) as raised:
            await provider.generate(edit())
        assert raised.value.retry_after == seconds
        await provider.aclose()


async def test_a_paid_response_without_a_picture_reports_its_cost() -> None:
    async with run_server(always(200, SUCCESS | {"data": []})) as end:
        provider = make(end.url)
        with pytest.raises(Ambiguous) as raised:
            await provider.generate(edit())
        assert raised.value.details["cost_usd"] == pytest.approx(0.0575, abs=0.0001)
        await provider.aclose()


async def test_a_closed_port_is_unreachable() -> None:
    provider = make(await closed_port_url())
    with pytest.raises(Transient) as raised:
        await provider.generate(edit())
    assert raised.value.error_code == "unreachable"
    await provider.aclose()


async def test_a_slow_response_is_aborted_at_the_deadline() -> None:
    async def drip(_: ReceivedRequest, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n")
        await hang(_, writer)

    async with run_server(drip) as end:
        provider = make(end.url)
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(Ambiguous):
                await provider.generate(edit(deadline_s=0.5))
        await provider.aclose()


def test_it_is_not_created_in_mock_mode_without_a_key_or_without_a_price() -> None:
    key = SecretStr("k")
    for mock_mode, settings, code in (
        (True, OpenAISettings(api_key=key), "mock_mode"),
        (False, OpenAISettings(api_key=None), "provider_refused"),
        (False, OpenAISettings(api_key=key, model="gpt-unknown"), "prices"),
    ):
        with pytest.raises(Invalid) as raised:
            OpenAIProvider(ProviderConfig(mock_mode=mock_mode, settings=settings, prices=price_table()))
        assert raised.value.error_code == code


async def test_openai_environment_variables_do_not_change_the_url(
    end: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = await closed_port_url()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, nowhere)
    provider = make(end.url)
    assert (await provider.generate(edit())).data == PICTURE
    await provider.aclose()
