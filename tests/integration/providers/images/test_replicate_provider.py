from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from providers.images.base import KEEP_WORK, ImageRequest
from providers.images.config import ProviderConfig
from providers.images.prices import price_table
from providers.images.replicate.provider import ReplicateProvider
from providers.images.replicate.settings import ReplicateSettings
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Rejected, Transient
from tests.contracts.image_provider import ImageProviderContract
from tests.contracts.scripted_server import (
    ReceivedRequest,
    ScriptedServer,
    always,
    closed_port_url,
    cut_short,
    hang,
    respond,
    run_server,
    send_60_mb,
)
from tests.waiting import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ID = "gm3qorzdhgbfurvjtvhg6dckhu"
OUTPUT = "https://replicate.delivery/xezq/abc/output.jpg"
CREATE = "/v1/models/black-forest-labs/flux-1.1-pro/predictions"


def prediction(status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "model": "black-forest-labs/flux-1.1-pro",
        "version": "hidden",
        "input": {"prompt": "SECRET"},
        "logs": "SECRET",
        "output": None,
        "error": None,
        "status": status,
        "created_at": "2026-11-22T10:00:00.000Z",
        "urls": {"get": f"https://evil.example/{ID}", "cancel": f"https://evil.example/{ID}/cancel"},
        "data_removed": False,
    } | more


SUCCEEDED = prediction("succeeded", output=OUTPUT, metrics={"predict_time": 2.5, "total_time": 2.6})
REQUEST = ImageRequest(task_id="t1", owner_id="o1", prompt="Mia in a cafe", deadline_s=20)


def lifecycle(*polls: Any, created: Any = None) -> Any:
    """Respond 201 to the creation, then to each GET with the next of `polls`, the last one repeatedly."""
    left = list(polls)

    async def handler(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        if asked.method == "GET":
            poll = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(poll, dict):
                respond(writer, 200, poll)
            else:
                await poll(asked, writer)
        elif asked.path.endswith("/cancel"):
            respond(writer, 200, prediction("canceled"))
        else:
            respond(writer, 201, created or prediction("starting"))

    return handler


def make(url: str, **more: Any) -> ReplicateProvider:
    prices = more.pop("prices", price_table())
    settings = ReplicateSettings(api_token=SecretStr("r8_SECRET"), base_url=url, **more)
    return ReplicateProvider(ProviderConfig(mock_mode=False, settings=settings, prices=prices))


@pytest.fixture
async def end() -> AsyncIterator[ScriptedServer]:
    async with run_server(lifecycle(SUCCEEDED)) as end:
        yield end


@pytest.fixture
async def provider(end: ScriptedServer) -> AsyncIterator[ReplicateProvider]:
    provider = make(end.url)
    yield provider
    await provider.aclose()


@pytest.fixture
async def slow_provider() -> AsyncIterator[ReplicateProvider]:
    async with run_server(lifecycle(prediction("processing"))) as end:
        provider = make(end.url)
        yield provider
        await provider.aclose()


class TestReplicateProvider(ImageProviderContract):
    pass


def calls(end: ScriptedServer) -> list[tuple[str, str]]:
    return [(asked.method, asked.path) for asked in end.requests]


async def test_a_prediction_is_created_reported_and_waited_for() -> None:
    seen: list[list[tuple[str, str]]] = []
    async with run_server(lifecycle(prediction("processing"), SUCCEEDED)) as end:

        async def on_started(job_id: str) -> None:
            assert job_id == ID
            seen.append(calls(end))

        provider = make(end.url)
        image = await provider.generate(REQUEST, on_started=on_started)
        poll = ("GET", f"/v1/predictions/{ID}")
        assert seen == [[("POST", CREATE)]]
        assert calls(end) == [("POST", CREATE), poll, poll]
        asked = end.requests[0]
        assert asked.headers["authorization"] == "Bearer r8_SECRET"
        assert asked.headers["cancel-after"] == "20s"
        assert "prefer" not in asked.headers
        assert asked.json == {"input": {"prompt": "Mia in a cafe", "output_format": "jpg", "aspect_ratio": "2:3"}}
        assert (image.url, image.data, image.cost_usd) == (OUTPUT, None, 0.04)
        await provider.aclose()


async def test_a_size_without_a_name_is_sent_unchanged(provider: ReplicateProvider, end: ScriptedServer) -> None:
    await provider.generate(REQUEST.model_copy(update={"width": 1024, "height": 992}))
    assert end.requests[0].json["input"] | {"prompt": ""} == {
        "prompt": "",
        "output_format": "jpg",
        "aspect_ratio": "custom",
        "width": 1024,
        "height": 992,
    }


async def test_a_version_goes_to_the_endpoint_for_versions(end: ScriptedServer) -> None:
    prices = price_table('{"me/own": {"per_second_usd": 0.001, "estimate_usd": 0.01}}')
    provider = make(end.url, model="me/own:abc123", prices=prices)
    image = await provider.generate(REQUEST)
    assert end.requests[0].path == "/v1/predictions"
    assert end.requests[0].json["version"] == "abc123"
    assert image.cost_usd == pytest.approx(0.0025)
    await provider.aclose()


async def test_a_webhook_is_requested_and_an_already_finished_prediction_is_not_polled() -> None:
    async with run_server(lifecycle(SUCCEEDED, created=SUCCEEDED)) as end:
        provider = make(end.url, webhook_secret=SecretStr(f"whsec_{'a' * 16}"), public_url="https://us.example")
        await provider.generate(REQUEST)
        assert end.requests[0].json["webhook"] == "https://us.example/webhooks/replicate"
        assert end.requests[0].json["webhook_events_filter"] == ["completed"]
        assert len(end.requests) == 1
        await provider.aclose()


async def test_a_wakeup_polls_immediately(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.images.queued_provider._MIN_POLL_S", 3600)
    monkeypatch.setattr("providers.images.queued_provider._MAX_POLL_S", 3600)
    async with run_server(lifecycle(SUCCEEDED)) as end:
        provider = make(end.url)

        async def on_started(job_id: str) -> None:
            asyncio.get_running_loop().call_later(0.05, provider.wake, job_id)

        async with asyncio.timeout(LIMIT_S):
            await provider.generate(REQUEST.model_copy(update={"deadline_s": 3600}), on_started=on_started)
        provider.wake("nobody waits for this")
        await provider.aclose()


async def test_a_started_prediction_is_resumed_and_not_paid_again(
    provider: ReplicateProvider, end: ScriptedServer
) -> None:
    told: list[str] = []

    async def on_started(job_id: str) -> None:
        told.append(job_id)

    image = await provider.generate(REQUEST, on_started=on_started, resume=ID)
    assert image.url == OUTPUT
    assert calls(end) == [("GET", f"/v1/predictions/{ID}")]
    assert told == []


async def test_failures_while_polling_are_retried() -> None:
    polls = [always(500), always(429, retry_after="0"), cut_short, always(502), SUCCEEDED]
    async with run_server(lifecycle(*polls)) as end:
        provider = make(end.url)

        async def wake() -> None:
            while True:
                await asyncio.sleep(0.02)
                provider.wake(ID)

        waking = asyncio.ensure_future(wake())
        assert (await provider.generate(REQUEST, resume=ID)).url == OUTPUT
        waking.cancel()
        assert len(end.requests) == len(polls)
        await provider.aclose()


async def test_output_may_be_a_list_or_a_data_url() -> None:
    for output, url, data in (
        ([OUTPUT], OUTPUT, None),
        ("data:image/jpeg;base64,/9j/", None, b"\xff\xd8\xff"),
    ):
        async with run_server(lifecycle(SUCCEEDED | {"output": output})) as end:
            provider = make(end.url)
            image = await provider.generate(REQUEST)
            assert (image.url, image.data) == (url, data)
            await provider.aclose()


async def test_cancelling_cancels_the_prediction() -> None:
    async with run_server(lifecycle(prediction("processing"))) as end:
        provider = make(end.url)
        started = asyncio.Event()

        async def on_started(_: str) -> None:
            started.set()

        call = asyncio.ensure_future(provider.generate(REQUEST, on_started=on_started))
        await started.wait()
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert calls(end)[-1] == ("POST", f"/v1/predictions/{ID}/cancel")
        await provider.aclose()


async def test_cancelling_during_the_creation_cancels_the_created_prediction() -> None:
    asked_for, go_on = asyncio.Event(), asyncio.Event()
    answers = lifecycle(prediction("processing"))

    async def handler(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        if asked.path == CREATE:
            asked_for.set()
            await go_on.wait()
        await answers(asked, writer)

    async with run_server(handler) as end:
        provider = make(end.url)
        call = asyncio.ensure_future(provider.generate(REQUEST))
        await asked_for.wait()
        call.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert calls(end) == [("POST", CREATE), ("POST", f"/v1/predictions/{ID}/cancel")]
        await provider.aclose()


async def test_a_creation_that_hangs_can_be_cancelled() -> None:
    async with run_server(hang) as end:
        provider = make(end.url)
        call = asyncio.ensure_future(provider.generate(REQUEST))
        await asyncio.wait([call], timeout=0.2)
        call.cancel()
        await asyncio.wait([call], timeout=LIMIT_S)
        assert call.cancelled()
        await provider.aclose()


async def test_at_a_shutdown_the_prediction_is_left_for_the_next_worker() -> None:
    async with run_server(lifecycle(prediction("processing"))) as end:
        provider = make(end.url)
        started = asyncio.Event()

        async def on_started(_: str) -> None:
            started.set()

        call = asyncio.ensure_future(provider.generate(REQUEST, on_started=on_started))
        await started.wait()
        await asyncio.sleep(0)
        call.cancel(KEEP_WORK)
        with pytest.raises(asyncio.CancelledError):
            await call
        assert calls(end) == [("POST", CREATE)]
        await provider.aclose()


async def test_a_prediction_whose_id_cannot_be_stored_is_cancelled() -> None:
    async with run_server(lifecycle(prediction("processing"))) as end:
        provider = make(end.url)

        async def on_started(_: str) -> None:
            raise Transient("the database is away")

        with pytest.raises(Transient):
            await provider.generate(REQUEST, on_started=on_started)
        assert calls(end) == [("POST", CREATE), ("POST", f"/v1/predictions/{ID}/cancel")]
        await provider.aclose()


async def test_at_the_deadline_the_prediction_keeps_running_for_a_later_resume() -> None:
    async with run_server(lifecycle(prediction("processing"))) as end:
        provider = make(end.url)
        with pytest.raises(Ambiguous):
            await provider.generate(REQUEST.model_copy(update={"deadline_s": 0.3}))
        assert ("POST", f"/v1/predictions/{ID}/cancel") not in calls(end)
        await provider.aclose()


NSFW = "NSFW content detected. Try running it again, or try a different prompt. SECRET"
CREATE_FAULTS: list[tuple[str, Any, type[DarkroomError], str]] = [
    ("401", always(401, {"title": "Unauthenticated", "detail": "SECRET"}), Invalid, "provider_refused"),
    ("402", always(402, {"title": "Insufficient credit"}), Invalid, "provider_refused"),
    ("404", always(404, {"detail": "no such model"}), Invalid, "model_retired"),
    ("422 no such version", always(422, {"title": "Invalid version or not permitted"}), Invalid, "model_retired"),
    ("422 no JSON", always(422, b"<html>"), Invalid, "request_refused"),
    ("422", always(422, {"title": "Input validation failed"}), Invalid, "request_refused"),
    ("429", always(429, {"detail": "throttled"}, retry_after="4"), RateLimited, "rate_limited"),
    ("500", always(500), Transient, "server_error"),
    ("503", always(503), Transient, "overloaded"),
    ("502", always(502), Ambiguous, "gateway"),
    ("cut_short", cut_short, Ambiguous, "cut_off"),
    ("60 MB", send_60_mb, Ambiguous, "answer_too_large"),
    ("201 no JSON", always(201, b"hello"), Ambiguous, "no_picture"),
    ("201 no id", always(201, {"status": "starting"}), Ambiguous, "no_picture"),
    ("201 evil id", always(201, prediction("starting", id="../../account")), Ambiguous, "no_picture"),
]
END_FAULTS: list[tuple[str, Any, type[DarkroomError], str]] = [
    ("failed", lifecycle(prediction("failed", error="CUDA out of memory SECRET")), Transient, "prediction_failed"),
    ("failed oddly", lifecycle(prediction("failed", error={"a": 1})), Transient, "prediction_failed"),
    ("canceled", lifecycle(prediction("canceled")), Transient, "prediction_canceled"),
    ("aborted", lifecycle(prediction("aborted")), Transient, "prediction_aborted"),
    ("refused", lifecycle(prediction("failed", error=NSFW)), Rejected, "moderation_blocked"),
    (
        "sensitive",
        lifecycle(prediction("failed", error="flagged as sensitive. (E005)")),
        Rejected,
        "moderation_blocked",
    ),
    ("no output", lifecycle(prediction("succeeded")), Ambiguous, "no_picture"),
    ("empty list", lifecycle(prediction("succeeded", output=[])), Ambiguous, "no_picture"),
    ("odd output", lifecycle(prediction("succeeded", output={"a": 1})), Ambiguous, "no_picture"),
    ("bad address", lifecycle(prediction("succeeded", output="ftp://x/y")), Ambiguous, "bad_picture"),
    ("bad base64", lifecycle(prediction("succeeded", output="data:image/png;base64,%%")), Ambiguous, "bad_picture"),
    ("gone", lifecycle(always(404)), Invalid, "provider_refused"),
]


@pytest.mark.parametrize(("handler", "kind", "code"), [f[1:] for f in CREATE_FAULTS], ids=[f[0] for f in CREATE_FAULTS])
async def test_a_failed_creation_is_a_typed_error_after_one_call(
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
async def test_a_failed_prediction_is_a_typed_error(handler: Any, kind: type[DarkroomError], code: str) -> None:
    async with run_server(handler) as end:
        provider = make(end.url)
        with pytest.raises(DarkroomError) as raised:
            await provider.generate(REQUEST, resume=ID)
        check(raised.value, kind, code)
        await provider.aclose()


def check(error: DarkroomError, kind: type[DarkroomError], code: str) -> None:
    assert type(error) is kind
    assert error.error_code == code
    assert "SECRET" not in f"{error} {error.details} {error.public_message}"


async def test_a_429_keeps_its_retry_after() -> None:
    async with run_server(always(429, {}, retry_after="4")) as end:
        provider = make(end.url)
        with pytest.raises(RateLimited) as raised:
            await provider.generate(REQUEST)
        assert raised.value.retry_after == 4
        await provider.aclose()


async def test_a_creation_that_hangs_is_aborted_at_the_deadline() -> None:
    async with run_server(hang) as end:
        provider = make(end.url)
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(Ambiguous):
                await provider.generate(REQUEST.model_copy(update={"deadline_s": 0.4}))
        await provider.aclose()


async def test_a_closed_port_is_unreachable() -> None:
    provider = make(await closed_port_url())
    with pytest.raises(Transient) as raised:
        await provider.generate(REQUEST)
    assert raised.value.error_code == "unreachable"
    await provider.aclose()


async def test_a_redirect_does_not_forward_the_token(end: ScriptedServer) -> None:
    async with run_server(always(307, b"", location=end.url)) as other:
        provider = make(other.url)
        with pytest.raises(Ambiguous):
            await provider.generate(REQUEST)
        assert end.requests == []
        await provider.aclose()


def test_it_is_not_created_in_mock_mode_without_a_token_or_without_a_price() -> None:
    key = SecretStr("k")
    for mock_mode, settings, code in (
        (True, ReplicateSettings(api_token=key), "mock_mode"),
        (False, ReplicateSettings(api_token=None), "provider_refused"),
        (False, ReplicateSettings(api_token=key, model="me/unknown"), "prices"),
    ):
        with pytest.raises(Invalid) as raised:
            ReplicateProvider(ProviderConfig(mock_mode=mock_mode, settings=settings, prices=price_table()))
        assert raised.value.error_code == code
