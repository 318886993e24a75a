"""Status of the model in use from the APIs of providers, each on a scripted server with its wire format."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr

from providers.images.config import ProviderConfig, ProviderSettings
from providers.images.openai.provider import OpenAIProvider
from providers.images.openai.settings import OpenAISettings
from providers.images.prices import price_table
from providers.images.replicate.provider import ReplicateProvider
from providers.images.replicate.settings import ReplicateSettings
from providers.images.retirement import ModelStatus, model_status
from schemas.errors import DarkroomError, Invalid, Transient
from tests.contracts.scripted_server import always, cut_short, run_server, send_60_mb

MODEL = {"id": "gpt-image-2.6-flare", "object": "model", "created": 1, "owned_by": "system"}
NO_MODEL = {"error": {"message": "The model does not exist", "type": "x", "param": "model", "code": "model_not_found"}}
VERSION = "black-forest-labs/flux-1.1-pro:5f24084160c9"


def config(settings: ProviderSettings) -> ProviderConfig:
    return ProviderConfig(mock_mode=False, settings=settings, prices=price_table())


async def openai_says(handler: Any, requests: list[str] | None = None) -> ModelStatus | None:
    async with run_server(handler) as end:
        provider = OpenAIProvider(config(OpenAISettings(api_key=SecretStr("SECRET"), base_url=f"{end.url}/v1")))
        try:
            return await model_status(provider)
        finally:
            await provider.aclose()
            if requests is not None:
                requests += [f"{one.method} {one.path}" for one in end.requests]


async def replicate_says(
    handler: Any, model: str | None = None, requests: list[str] | None = None
) -> ModelStatus | None:
    async with run_server(handler) as end:
        settings = ReplicateSettings(api_token=SecretStr("SECRET"), base_url=end.url)
        provider = ReplicateProvider(config(settings.model_copy(update={"model": model or settings.model})))
        try:
            return await model_status(provider)
        finally:
            await provider.aclose()
            if requests is not None:
                requests += [f"{one.method} {one.path}" for one in end.requests]


@pytest.mark.parametrize(
    ("said", "end"),
    [({}, None), ({"shutdown_date": None}, None), ({"shutdown_date": "2027-03-01"}, date(2027, 3, 1))],
)
async def test_openai_reports_the_shutdown_date_of_the_model(said: dict[str, Any], end: date | None) -> None:
    requests: list[str] = []
    status = await openai_says(always(200, MODEL | said), requests)
    assert status == ModelStatus(model="gpt-image-2.6-flare", setting="OPENAI_MODEL", available=True, shutdown_date=end)
    assert requests == ["GET /v1/models/gpt-image-2.6-flare"]


async def test_a_model_that_openai_does_not_know_is_not_available() -> None:
    status = await openai_says(always(404, NO_MODEL))
    assert status
    assert not status.available


@pytest.mark.parametrize(
    "handler", [always(404, {"detail": "Not found"}), always(200, b"<html>"), always(200, {"shutdown_date": "soon"})]
)
async def test_a_proxy_without_the_endpoint_gives_no_status(handler: Any) -> None:
    assert await openai_says(handler) is None


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (always(401, {"error": {"code": "invalid_api_key"}}), Invalid),
        (always(500), Transient),
        (cut_short, Transient),
        (send_60_mb, Transient),
    ],
)
async def test_a_failed_status_request_is_a_darkroom_error(handler: Any, kind: type[DarkroomError]) -> None:
    for ask in (openai_says, replicate_says):
        with pytest.raises(kind) as raised:
            await ask(handler)
        assert "SECRET" not in str(raised.value)


async def test_replicate_reports_whether_model_and_version_exist() -> None:
    for model, path in (
        (None, "/v1/models/black-forest-labs/flux-1.1-pro"),
        (VERSION, "/v1/models/black-forest-labs/flux-1.1-pro/versions/5f24084160c9"),
    ):
        for code, available in ((200, True), (404, False)):
            requests: list[str] = []
            status = await replicate_says(always(code, {}), model, requests)
            assert status
            assert (status.available, status.shutdown_date, status.setting) == (available, None, "REPLICATE_MODEL")
            assert requests == [f"GET {path}"]
