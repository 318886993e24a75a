from __future__ import annotations

import asyncio
import json
from typing import Any

import fashn
import pytest
from pydantic import SecretStr

from providers.images.base import ImageRequest
from providers.images.config import ProviderConfig
from providers.images.fashn.provider import FashnProvider
from providers.images.fashn.settings import FashnSettings
from providers.images.prices import price_table
from schemas.errors import Ambiguous, DarkroomError, InputRefused, Invalid, RateLimited, Rejected, Transient
from tests.contracts.fake_provider import FakeProvider
from tests.contracts.image_provider import ImageProviderContract, jpeg
from tests.contracts.scripted_server import always, closed_port_url, cut_short, run_server, send_60_mb

REQUEST = ImageRequest(
    task_id="t1", owner_id="o1", prompt="the whole prompt", producer_prompt="Tucked in.", inputs=(jpeg(), jpeg()),
    deadline_s=20,
)  # fmt: skip
ID = "123a87r9-4129-4bb3-be18-9c9fb5bd7fc1-u1"

#: Path of the emulated API; `provider` and `slow_provider` are made for it.
API_PATH = "/fashn"


def make(url: str, **more: Any) -> FashnProvider:
    settings = FashnSettings(api_key=SecretStr("SECRET"), base_url=url, **more)
    return FashnProvider(ProviderConfig(mock_mode=False, settings=settings, prices=price_table()))


class TestFashnProvider(ImageProviderContract):
    pass


async def test_a_try_on_takes_no_prompt_and_comes_back_as_base64(provider: FashnProvider, fake: FakeProvider) -> None:
    image = await provider.generate(REQUEST)

    body = json.loads(fake.asked[0].body)
    assert fake.asked[0].headers["authorization"] == "Bearer SECRET"
    assert body["model_name"] == "tryon-v1.6"
    assert set(body["inputs"]) == {
        "model_image", "garment_image", "return_base64", "output_format", "mode", "category"
    }  # fmt: skip
    assert body["inputs"]["return_base64"] is True
    assert image.data is not None
    assert (image.cost_usd, image.left_out) == (0.075, ("prompt",))


async def test_tryon_max_takes_the_producer_s_words_and_costs_four_credits(fake: FakeProvider) -> None:
    provider = make(f"{fake.url}/fashn", model="tryon-max", resolution="2k", moderation_level="none")
    image = await provider.generate(REQUEST)
    inputs = json.loads(fake.asked[0].body)["inputs"]
    assert set(inputs) == {
        "model_image", "product_image", "return_base64", "output_format", "generation_mode", "resolution", "prompt"
    }  # fmt: skip
    assert inputs["prompt"] == "Tucked in."
    assert image.cost_usd == pytest.approx(0.3)
    assert image.left_out == ()
    await provider.aclose()


async def test_a_known_prediction_is_resumed_and_not_paid_again(provider: FashnProvider, fake: FakeProvider) -> None:
    told: list[str] = []

    async def on_started(work_id: str) -> None:
        told.append(work_id)

    await provider.generate(REQUEST, on_started=on_started)
    await provider.generate(REQUEST, resume=told[0])
    assert fake.paid("fashn") == 1


async def test_six_predictions_at_once_are_allowed_unless_the_setting_says_otherwise(provider: FashnProvider) -> None:
    assert provider.capabilities.concurrency == 6


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
    provider: FashnProvider, fake: FakeProvider, share: str, kind: type[DarkroomError], code: str
) -> None:
    fake.behave(**{share: 1})
    with pytest.raises(DarkroomError) as raised:
        await provider.generate(REQUEST)
    check(raised.value, kind, code)


def failed(name: str, status: str = "failed") -> Any:
    return always(200, {"id": ID, "status": status, "error": {"name": name, "message": "SECRET"}})


RUN_FAULTS: list[tuple[str, Any, type[DarkroomError], str]] = [
    ("401", always(401, {"error": "UnauthorizedAccess", "message": "SECRET"}), Invalid, "provider_refused"),
    ("no credits", always(429, {"error": "OutOfCredits", "message": "SECRET"}), Invalid, "provider_refused"),
    ("too many", always(429, {"error": "RateLimitExceeded"}), RateLimited, "rate_limited"),
    ("400", always(400, {"error": "BadRequest", "message": "SECRET"}), Invalid, "request_refused"),
    ("500", always(500, b"SECRET"), Transient, "server_error"),
    ("502", always(502), Ambiguous, "gateway"),
    ("cut", cut_short, Ambiguous, "cut_off"),
    ("60 MB", send_60_mb, Ambiguous, "answer_too_large"),
    ("no id", always(200, {"error": None}), Ambiguous, "no_picture"),
    ("evil id", always(200, {"id": "../x"}), Ambiguous, "no_picture"),
]
END_FAULTS: list[tuple[str, Any, type[DarkroomError], str]] = [
    ("refused", failed("ContentModerationError"), Rejected, "moderation_blocked"),
    ("refused elsewhere", failed("ThirdPartyError"), Rejected, "moderation_blocked"),
    ("no pose", failed("PoseError"), InputRefused, "input_refused"),
    ("no image", failed("ImageLoadError"), InputRefused, "input_refused"),
    ("pipeline", failed("PipelineError"), Transient, "prediction_failed"),
    ("unknown", failed("SECRET"), Transient, "prediction_failed"),
    ("canceled", failed("", "canceled"), Transient, "prediction_canceled"),
    ("timed out", failed("PollingTimeout", "time_out"), Transient, "prediction_time_out"),
    ("no picture", always(200, {"id": ID, "status": "completed", "output": []}), Ambiguous, "no_picture"),
    ("bad picture", always(200, {"id": ID, "status": "completed", "output": ["SECRET"]}), Ambiguous, "bad_picture"),
    ("gone", always(404, {"error": "NotFound"}), Invalid, "provider_refused"),
]


def check(error: DarkroomError, kind: type[DarkroomError], code: str) -> None:
    assert type(error) is kind
    assert error.error_code == code
    assert "SECRET" not in f"{error} {error.details} {error.public_message}"


@pytest.mark.parametrize(("handler", "kind", "code"), [f[1:] for f in RUN_FAULTS], ids=[f[0] for f in RUN_FAULTS])
async def test_a_fault_at_the_start_is_one_typed_error_after_one_call(
    handler: Any, kind: type[DarkroomError], code: str
) -> None:
    async with run_server(handler) as end:
        provider = make(end.url)
        with pytest.raises(DarkroomError) as raised:
            await provider.generate(REQUEST)
        check(raised.value, kind, code)
        if kind is RateLimited:
            assert raised.value.retry_after == 5
        assert len(end.requests) == 1
        await provider.aclose()


@pytest.mark.parametrize(("handler", "kind", "code"), [f[1:] for f in END_FAULTS], ids=[f[0] for f in END_FAULTS])
async def test_a_bad_end_is_a_typed_error(handler: Any, kind: type[DarkroomError], code: str) -> None:
    async with run_server(handler) as end:
        provider = make(end.url)
        with pytest.raises(DarkroomError) as raised:
            await provider.generate(REQUEST, resume=ID)
        check(raised.value, kind, code)
        await provider.aclose()


async def test_a_cancelled_call_ends_although_fashn_can_t_cancel(slow_provider: FashnProvider) -> None:
    started = asyncio.Event()

    async def on_started(_: str) -> None:
        started.set()

    call = asyncio.ensure_future(slow_provider.generate(REQUEST, on_started=on_started))
    await started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_an_address_nobody_listens_on_is_unreachable() -> None:
    provider = make(await closed_port_url())
    with pytest.raises(Transient) as raised:
        await provider.generate(REQUEST)
    assert raised.value.error_code == "unreachable"
    await provider.aclose()


def test_it_is_not_made_in_mock_mode_without_a_key_or_with_a_mode_that_the_model_lacks() -> None:
    key = SecretStr("k")
    for mock_mode, settings, code in (
        (True, FashnSettings(api_key=key), "mock_mode"),
        (False, FashnSettings(api_key=None), "provider_refused"),
        (False, FashnSettings(api_key=key, model="tryon-v9"), "provider_options"),
        (False, FashnSettings(api_key=key, model="tryon-max", mode="performance"), "provider_options"),
    ):
        with pytest.raises(Invalid) as raised:
            FashnProvider(ProviderConfig(mock_mode=mock_mode, settings=settings, prices=price_table()))
        assert raised.value.error_code == code


async def test_fashn_s_own_client_understands_the_fake(fake: FakeProvider) -> None:
    """The fake speaks FASHN's wire format: FASHN's client runs a prediction with it and reads its error."""
    async with fashn.AsyncFashn(api_key="SECRET", base_url=f"{fake.url}/fashn", max_retries=0) as client:
        inputs: Any = {"model_image": "data:image/jpeg;base64,x", "garment_image": "data:image/jpeg;base64,x"}
        done = await client.predictions.subscribe(model_name="tryon-v1.6", inputs=inputs)
        assert (done.status, done.credits_used, done.error) == ("completed", 1, None)
        assert str(done.output).startswith("['data:image/jpeg;base64,")

        fake.behave(moderation=1)
        refused = await client.predictions.subscribe(model_name="tryon-v1.6", inputs=inputs)
        assert refused.status == "failed"
        assert refused.error
        assert refused.error.name == "ContentModerationError"

        fake.behave(rate_limit=1)
        with pytest.raises(fashn.RateLimitError):
            await client.predictions.run(model_name="tryon-v1.6", inputs=inputs)
