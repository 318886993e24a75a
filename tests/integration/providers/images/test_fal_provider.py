from __future__ import annotations

import asyncio
import json
from typing import Any

import fal_client
import pytest
from fal_client.client import FalClientHTTPError
from pydantic import SecretStr

from providers.images.base import KEEP_WORK, ImageRequest
from providers.images.config import ProviderConfig
from providers.images.fal.apps import TRY_ON
from providers.images.fal.provider import FalProvider
from providers.images.fal.settings import FalSettings
from providers.images.prices import price_table
from providers.images.privacy import PrivacyClass
from schemas.errors import Ambiguous, DarkroomError, InputRefused, Invalid, RateLimited, Rejected, Transient
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

VTO = "fal-ai/flux-pro/v1/vto"
REQUEST = ImageRequest(
    task_id="t1", owner_id="o1", prompt="the whole prompt", producer_prompt="Tucked in.", inputs=(jpeg(), jpeg()),
    deadline_s=20,
)  # fmt: skip

#: Path of the emulated API; `provider` and `slow_provider` are made for it.
API_PATH = "/fal"


def make(url: str, **more: Any) -> FalProvider:
    prices = more.pop("prices", price_table())
    settings = FalSettings(key=SecretStr("SECRET"), base_url=url, **more)
    return FalProvider(ProviderConfig(mock_mode=False, settings=settings, prices=prices))


class TestFalProvider(ImageProviderContract):
    pass


async def test_a_try_on_is_asked_for_as_the_model_wants_it_and_nothing_is_kept(
    provider: FalProvider, fake: FakeProvider
) -> None:
    image = await provider.generate(REQUEST)

    submitted = fake.asked[0]
    assert (submitted.method, "/".join(submitted.path)) == ("POST", f"fal/{VTO}")
    body = json.loads(submitted.body)
    assert body["prompt"] == f"{TRY_ON} Tucked in."
    assert body["human_image_url"].startswith("data:image/jpeg;base64,")
    assert set(body) == {"prompt", "human_image_url", "garment_image_url", "output_format"}
    sent = submitted.headers
    assert sent["authorization"] == "Key SECRET"
    assert (sent["x-fal-store-io"], sent["x-fal-no-retry"], sent["x-fal-request-timeout"]) == ("0", "1", "20")
    assert json.loads(sent["x-fal-object-lifecycle-preference"]) == {"expiration_duration_seconds": 3600}
    assert image.url == f"{fake.url}/fal/files/{fake.asked[1].path[4]}.jpg"
    assert image.cost_usd == pytest.approx(0.0475)
    assert image.left_out == ()
    assert fake.calls()[1][1].startswith("/fal/fal-ai/flux-pro/requests/")


async def test_the_price_counts_megapixels_of_inputs_and_picture(provider: FalProvider) -> None:
    inputs = (jpeg(size=(1024, 1024)), jpeg(size=(1025, 1024)))
    image = await provider.generate(REQUEST.model_copy(update={"inputs": inputs}))
    assert image.cost_usd == pytest.approx(0.0375 + 2 * 0.005 + 0.005)


async def test_fashn_takes_no_prompt_and_the_picture_says_so(fake: FakeProvider) -> None:
    provider = make(f"{fake.url}/fal", app="fal-ai/fashn/tryon/v1.6", inputs='{"mode": "quality"}')
    image = await provider.generate(REQUEST)
    body = json.loads(fake.asked[0].body)
    assert set(body) == {"model_image", "garment_image", "category", "mode", "output_format"}
    assert body["mode"] == "quality"
    assert (image.cost_usd, image.left_out) == (0.075, ("prompt",))
    assert (await provider.generate(REQUEST.model_copy(update={"producer_prompt": ""}))).left_out == ()
    await provider.aclose()


async def test_any_other_app_is_described_by_settings(fake: FakeProvider) -> None:
    prices = price_table('{"me/edit/fast": {"per_image_usd": 0.02, "estimate_usd": 0.02}}')
    inputs = '{"mask": "$image2", "old": "$image9"}'
    provider = make(f"{fake.url}/fal", app="me/edit/fast", inputs=inputs, prices=prices)
    await provider.generate(REQUEST)
    body = json.loads(fake.asked[0].body)
    assert body["prompt"] == "the whole prompt"
    assert body["image_urls"][1] == body["mask"]
    assert "old" not in body
    assert (provider.capabilities.min_inputs, provider.capabilities.max_inputs) == (1, 4)
    await provider.aclose()

    words_only = make(f"{fake.url}/fal", app="me/edit/fast", max_inputs=0, prices=prices)
    assert words_only.capabilities.generate
    assert not words_only.capabilities.edit
    await words_only.generate(REQUEST.model_copy(update={"inputs": ()}))
    [_, submitted] = [asked for asked in fake.asked if asked.method == "POST"]
    assert set(json.loads(submitted.body)) == {"prompt"}
    await words_only.aclose()


async def test_a_known_request_is_resumed_and_not_paid_again(provider: FalProvider, fake: FakeProvider) -> None:
    told: list[str] = []

    async def on_started(work_id: str) -> None:
        told.append(work_id)

    first = await provider.generate(REQUEST, on_started=on_started)
    again = await provider.generate(REQUEST, resume=told[0])
    assert (again.url, again.cost_usd) == (first.url, first.cost_usd)
    assert fake.paid("fal") == 1


@pytest.mark.parametrize(("message", "cancelled"), [("", True), (KEEP_WORK, False)])
async def test_a_cancelled_call_cancels_the_request_unless_another_worker_goes_on(
    slow_provider: FalProvider, message: str, cancelled: bool
) -> None:
    started = asyncio.Event()

    async def on_started(_: str) -> None:
        started.set()

    call = asyncio.ensure_future(slow_provider.generate(REQUEST, on_started=on_started))
    await started.wait()
    await asyncio.sleep(0)
    request_id = next(iter(slow_provider._waiting))
    call.cancel(message)
    with pytest.raises(asyncio.CancelledError):
        await call
    work = await slow_provider._read(request_id, 5)
    assert work.running is not cancelled


async def test_a_refusal_is_rejected_and_costs_nothing(provider: FalProvider, fake: FakeProvider) -> None:
    fake.behave(moderation=1)
    with pytest.raises(Rejected) as raised:
        await provider.generate(REQUEST)
    assert raised.value.error_code == "moderation_blocked"
    assert fake.paid("fal") == 0


@pytest.mark.parametrize(
    ("share", "kind", "code"),
    [
        ("rate_limit", RateLimited, "rate_limited"),
        ("server_error", Transient, "server_error"),
        ("empty", Ambiguous, "no_picture"),
        ("reply_lost", Ambiguous, "cut_off"),
    ],
)
async def test_the_fake_s_faults_are_typed_errors(
    provider: FalProvider, fake: FakeProvider, share: str, kind: type[DarkroomError], code: str
) -> None:
    fake.behave(**{share: 1})
    with pytest.raises(DarkroomError) as raised:
        await provider.generate(REQUEST)
    check(raised.value, kind, code)


ID = "764cabcf-b745-4b3e-ae38-1200304cf45b"


def ended(status: int, body: Any, **more: Any) -> Any:
    async def handler(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        if asked.path.endswith("/status"):
            respond(writer, 200, {"status": "COMPLETED", "logs": []} | more)
        else:
            respond(writer, status, body)

    return handler


def detail(kind: str) -> dict[str, Any]:
    return {"detail": [{"loc": ["body"], "msg": "SECRET", "type": kind}]}


SUBMIT_FAULTS: list[tuple[str, Any, type[DarkroomError], str]] = [
    ("401", always(401, {"detail": "SECRET"}), Invalid, "provider_refused"),
    (
        "403 no money",
        always(403, {"detail": "Exhausted balance."}),
        Invalid,
        "provider_refused",
    ),
    ("404", always(404, {"detail": "Application not found"}), Invalid, "model_retired"),
    ("422", always(422, detail("missing")), Invalid, "request_refused"),
    ("503", always(503), Transient, "overloaded"),
    ("502", always(502), Ambiguous, "gateway"),
    ("cut", cut_short, Ambiguous, "cut_off"),
    ("60 MB", send_60_mb, Ambiguous, "answer_too_large"),
    ("no JSON", always(200, b"hello"), Ambiguous, "no_picture"),
    ("evil id", always(200, {"request_id": "../../x"}), Ambiguous, "no_picture"),
    ("redirect", always(307, b"", location="http://127.0.0.1:1"), Ambiguous, "unexpected_status"),
]
END_FAULTS: list[tuple[str, Any, type[DarkroomError], str]] = [
    ("refused", ended(422, detail("content_policy_violation")), Rejected, "moderation_blocked"),
    ("nsfw", ended(200, {"image": {"url": "https://x"}, "has_nsfw_concepts": [True]}), Rejected, "moderation_blocked"),
    ("picture", ended(422, detail("image_load_error")), InputRefused, "input_refused"),
    ("validation", ended(422, detail("missing")), Invalid, "request_refused"),
    ("runner", ended(503, {"detail": "SECRET"}, error_type="runner_disconnected"), Transient, "prediction_failed"),
    ("model", ended(500, {"detail": "SECRET"}, error="x"), Transient, "prediction_failed"),
    ("cancelled", ended(499, {"detail": "x"}, error="x"), Transient, "prediction_canceled"),
    ("no picture", ended(200, {"images": []}), Ambiguous, "no_picture"),
    ("odd", ended(200, {"images": "SECRET"}), Ambiguous, "no_picture"),
    ("bad address", ended(200, {"image": {"url": "ftp://SECRET"}}), Ambiguous, "bad_picture"),
    ("gone", always(404), Invalid, "provider_refused"),
]  # fmt: skip


def check(error: DarkroomError, kind: type[DarkroomError], code: str) -> None:
    assert type(error) is kind
    assert error.error_code == code
    assert "SECRET" not in f"{error} {error.details} {error.public_message}"


@pytest.mark.parametrize(("handler", "kind", "code"), [f[1:] for f in SUBMIT_FAULTS], ids=[f[0] for f in SUBMIT_FAULTS])
async def test_a_fault_at_submission_is_one_typed_error_after_one_call(
    handler: Any, kind: type[DarkroomError], code: str
) -> None:
    async with run_server(handler) as end:
        provider = make(end.url)
        with pytest.raises(DarkroomError) as raised:
            await provider.generate(REQUEST)
        check(raised.value, kind, code)
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


async def test_faults_while_polling_are_asked_again() -> None:
    answers = [
        always(500), cut_short, always(200, {"status": "IN_PROGRESS"}),
        always(200, {"status": "COMPLETED"}), always(502), always(200, {"status": "COMPLETED"}),
        always(200, {"images": [{"url": "https://v3.fal.media/x.jpg"}]}),
    ]  # fmt: skip

    async def handler(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        await answers.pop(0)(asked, writer)

    async with run_server(handler) as end:
        provider = make(end.url)

        async def wake() -> None:
            while True:
                await asyncio.sleep(0.02)
                provider.wake(ID)

        waking = asyncio.ensure_future(wake())
        assert (await provider.generate(REQUEST, resume=ID)).url == "https://v3.fal.media/x.jpg"
        waking.cancel()
        assert answers == []
        await provider.aclose()


async def test_an_address_nobody_listens_on_is_unreachable() -> None:
    provider = make(await closed_port_url())
    with pytest.raises(Transient) as raised:
        await provider.generate(REQUEST)
    assert raised.value.error_code == "unreachable"
    await provider.aclose()


def test_it_is_not_made_in_mock_mode_without_a_key_a_price_or_readable_inputs() -> None:
    key = SecretStr("k")
    for mock_mode, settings, code in (
        (True, FalSettings(key=key), "mock_mode"),
        (False, FalSettings(key=None), "provider_refused"),
        (False, FalSettings(key=key, app="me/unknown"), "prices"),
        (False, FalSettings(key=key, inputs="[]"), "provider_options"),
    ):
        with pytest.raises(Invalid) as raised:
            FalProvider(ProviderConfig(mock_mode=mock_mode, settings=settings, prices=price_table()))
        assert raised.value.error_code == code


@pytest.mark.parametrize("app", ["vto", "../x/y", "fal-ai/../x", "fal-ai/x?y=1", "fal-ai//x"])
def test_an_app_is_a_path_of_safe_segments(app: str) -> None:
    with pytest.raises(ValueError, match="must be owner"):
        FalSettings(app=app)


async def test_training_is_unknown_so_that_the_class_is_the_lowest(provider: FalProvider) -> None:
    assert provider.capabilities.privacy.privacy_class is PrivacyClass.ANY


async def test_fal_s_own_client_understands_the_fake(fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake speaks fal's wire format: fal's client submits, waits, reads and cancels with it."""
    monkeypatch.setattr("fal_client.client.QUEUE_URL_FORMAT", f"{fake.url}/fal/")
    client = fal_client.AsyncClient(key="SECRET")

    handle = await client.submit(VTO, {"prompt": "x", "human_image_url": "a", "garment_image_url": "b"})
    result = await handle.get()
    assert result["images"][0]["content_type"] == "image/jpeg"
    assert isinstance(await client.status(VTO, handle.request_id), fal_client.Completed)

    fake.behave(hang=1)
    handle = await client.submit(VTO, {"prompt": "x"})
    assert isinstance(await handle.status(), fal_client.InProgress)
    await handle.cancel()
    assert fake.paid("fal") == 1

    fake.behave(moderation=1)
    with pytest.raises(FalClientHTTPError) as raised:
        await client.subscribe(VTO, {"prompt": "x"})
    assert raised.value.status_code == 422
    await (await client._client).aclose()
