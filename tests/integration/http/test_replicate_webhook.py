"""Webhooks of Replicate, from the service that receives them to the poll that they wake."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import redis.asyncio
from pydantic import SecretStr

from providers.images.base import ImageRequest
from providers.images.config import ProviderConfig
from providers.images.prices import price_table
from providers.images.replicate.provider import ReplicateProvider
from providers.images.replicate.settings import ReplicateSettings
from providers.images.webhook_listener import WebhookListener
from schemas.keys import provider_webhooks
from tests.contracts.scripted_server import ReceivedRequest, ScriptedServer, respond, run_server
from tests.integration.http.conftest import Service, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes....").decode()
PATH = "/webhooks/replicate"
ID = "gm3qorzdhgbfurvjtvhg6dckhu"
REQUEST = ImageRequest(task_id="t1", owner_id="o1", prompt="Mia in a cafe", deadline_s=50)


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {
        "REPLICATE_WEBHOOK_SECRET": SECRET,
        "PUBLIC_URL": "https://darkroom.example/",
        "HTTP_MAX_BODY_BYTES": "100000",
        "API_TOKEN": "needed-by-the-other-calls",
    }


def signed(body: bytes, *, secret: str = SECRET, age_s: float = 0) -> dict[str, str]:
    stamp = str(int(time.time() - age_s))
    key = base64.b64decode(secret.partition("_")[2])
    signature = base64.b64encode(hmac.digest(key, b"msg_1." + stamp.encode() + b"." + body, hashlib.sha256)).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}


def ended(work_id: str = ID, **more: Any) -> bytes:
    shown = {"id": work_id, "status": "succeeded", "logs": "Grüße", "output": "https://evil.example/x.jpg"}
    return json.dumps(shown | more, ensure_ascii=False).encode()


async def post(client: httpx.Client, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    """Send the webhook, signed unless headers are given."""
    return await asyncio.to_thread(
        client.post, PATH, content=body, headers=signed(body) if headers is None else headers
    )


@asynccontextmanager
async def published(redis_url: str) -> AsyncIterator[list[str]]:
    """Collect the messages published in the block; all of them have arrived at its end."""
    heard: list[str] = []
    async with redis.asyncio.Redis.from_url(redis_url) as client, client.pubsub() as pubsub:
        await pubsub.subscribe(provider_webhooks("replicate"))
        yield heard
        await client.publish(provider_webhooks("replicate"), "the end")
        async with asyncio.timeout(10):
            async for message in pubsub.listen():
                if message["type"] == "message":
                    if message["data"] == b"the end":
                        return
                    heard.append(message["data"].decode())


async def test_a_signed_webhook_publishes_known_and_unknown_ids(client: httpx.Client, redis_url: str) -> None:
    async with published(redis_url) as heard:
        for work_id in (ID, "nobody-waits-for-this"):
            answer = await post(client, ended(work_id))
            assert (answer.status_code, answer.content) == (204, b"")
    assert heard == [ID, "nobody-waits-for-this"]


OTHER = "whsec_" + base64.b64encode(b"another secret").decode()
REFUSED: dict[str, Callable[[], dict[str, str]]] = {
    "no signature": dict,
    "another secret": lambda: signed(ended(), secret=OTHER),
    "another body": lambda: signed(ended("another")),
    "too old": lambda: signed(ended(), age_s=310),
    "of the future": lambda: signed(ended(), age_s=-310),
    "no time": lambda: signed(ended()) | {"webhook-timestamp": "yesterday"},
    "no base64": lambda: signed(ended()) | {"webhook-signature": "v1,%%%"},
    "no version": lambda: signed(ended()) | {"webhook-signature": "abc"},
    "empty signature": lambda: signed(ended()) | {"webhook-signature": ""},
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
async def test_a_webhook_without_a_current_signature_is_refused_and_not_published(
    client: httpx.Client, redis_url: str, headers: Callable[[], dict[str, str]]
) -> None:
    async with published(redis_url) as heard:
        answer = await post(client, ended(), headers())
    assert (answer.status_code, answer.json()["code"]) == (401, "webhook_signature")
    assert answer.headers["content-type"] == "application/problem+json"
    assert heard == []


async def test_an_undecodable_or_empty_body_is_refused(client: httpx.Client) -> None:
    for body in (b"\xff\xfe", b""):
        assert (await post(client, body)).status_code == 401


@pytest.mark.parametrize("body", [b"[]", b"{}", b"hello", ended("../../x"), ended("a" * 65)])
async def test_a_signed_body_without_a_usable_id_is_refused(client: httpx.Client, redis_url: str, body: bytes) -> None:
    async with published(redis_url) as heard:
        assert (await post(client, body)).status_code == 422
    assert heard == []


def test_the_size_of_a_body_is_limited(client: httpx.Client) -> None:
    body = ended(logs="x" * 200_000)
    assert client.post(PATH, content=body, headers=signed(body)).status_code == 413


def test_the_call_is_described_and_needs_no_token(service: Service) -> None:
    document = service.client("needed-by-the-other-calls").get("/openapi.json").json()
    assert document["paths"][PATH]["post"]["security"] == []
    assert set(document["paths"][PATH]["post"]["responses"]) >= {"204", "401", "413", "422", "503"}


@pytest.mark.parametrize("missing", ["REPLICATE_WEBHOOK_SECRET", "PUBLIC_URL"])
def test_without_secret_or_public_url_the_path_does_not_exist(
    tmp_path: Path, redis_url: str, database_url: str, settings: dict[str, str], missing: str
) -> None:
    left = {name: value for name, value in settings.items() if name != missing}
    with serving(tmp_path, REDIS_URL=redis_url, DATABASE_URL=database_url, **left) as service:
        assert service.client().post(PATH, content=ended(), headers=signed(ended())).status_code == 404


def test_during_a_redis_outage_replicate_is_asked_to_deliver_again(
    tmp_path: Path, database_url: str, settings: dict[str, str]
) -> None:
    with serving(tmp_path, REDIS_URL="redis://127.0.0.1:1/0", DATABASE_URL=database_url, **settings) as service:
        answer = service.client().post(PATH, content=ended(), headers=signed(ended()))
    assert (answer.status_code, answer.json()["code"]) == (503, "webhook_not_published")


def prediction(status: str, **more: Any) -> dict[str, Any]:
    return {"id": ID, "status": status} | more


class FakeReplicate:
    """Makes a prediction, which ends when the test says so."""

    def __init__(self) -> None:
        self.polled = asyncio.Event()
        self.shown = prediction("processing")

    async def __call__(self, asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        if asked.method == "GET":
            respond(writer, 200, self.shown)
            self.polled.set()
        else:
            respond(writer, 201, prediction("starting"))


def polls(end: ScriptedServer) -> int:
    return len([asked for asked in end.requests if asked.method == "GET"])


@asynccontextmanager
async def waiting(
    redis_url: str,
) -> AsyncIterator[tuple[FakeReplicate, ScriptedServer, asyncio.Task[Any], WebhookListener]]:
    """A generation that waits for its webhook, after its first poll."""
    replicate = FakeReplicate()
    async with run_server(replicate) as end, redis.asyncio.Redis.from_url(redis_url) as client:
        settings = ReplicateSettings(
            api_token=SecretStr("r8"), base_url=end.url, webhook_secret=SecretStr(SECRET),
            public_url="https://darkroom.example",
        )  # fmt: skip
        provider = ReplicateProvider(ProviderConfig(mock_mode=False, settings=settings, prices=price_table()))
        listener = WebhookListener(provider, client)
        listener.start()
        async with asyncio.timeout(10):
            while not provider._webhooks_arrive:  # noqa: ASYNC110 - the subscription tells nobody else
                await asyncio.sleep(0.01)
            call = asyncio.create_task(provider.generate(REQUEST))
            await replicate.polled.wait()
        yield replicate, end, call, listener
        call.cancel()
        await asyncio.wait([call])
        await listener.aclose()
        await provider.aclose()


async def test_a_webhook_wakes_the_poll_of_its_prediction(client: httpx.Client, redis_url: str) -> None:
    async with waiting(redis_url) as (replicate, end, call, _):
        replicate.shown = prediction("succeeded", output="https://replicate.delivery/out.jpg")
        answer = await post(client, ended())
        assert answer.status_code == 204
        # The timer alone would ask a minute later, after the deadline of the generation.
        image = await call
        assert image.url == "https://replicate.delivery/out.jpg"
        assert polls(end) == 2
        assert end.requests[0].json["webhook"] == "https://darkroom.example/webhooks/replicate"
        assert end.requests[0].json["webhook_events_filter"] == ["completed"]


async def test_the_content_of_a_webhook_is_not_trusted(client: httpx.Client, redis_url: str) -> None:
    async with waiting(redis_url) as (replicate, end, call, _):
        replicate.polled.clear()
        await post(client, ended())
        async with asyncio.timeout(10):
            await replicate.polled.wait()
        assert not call.done()
        assert polls(end) == 2


async def test_the_webhook_of_another_prediction_wakes_nothing(client: httpx.Client, redis_url: str) -> None:
    async with waiting(redis_url) as (_, end, call, _listener):
        async with published(redis_url):
            await post(client, ended("other"))
        assert not call.done()
        assert polls(end) == 1


async def test_without_webhooks_the_prediction_is_polled(redis_url: str) -> None:
    async with waiting(redis_url) as (replicate, end, call, listener):
        await listener.aclose()
        replicate.shown = prediction("succeeded", output="https://replicate.delivery/out.jpg")
        await call
        assert polls(end) == 2
