from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commands.check_models import check_models
from providers.images.retirement import Level
from settings import Settings
from tests.contracts.scripted_server import always, run_server

MODEL = {"id": "gpt-image-2.6-flare", "object": "model", "created": 1, "owned_by": "system"}
GONE = {"error": {"message": "no", "type": "x", "param": "model", "code": "model_not_found"}}


def ending(days: int) -> dict[str, Any]:
    return MODEL | {"shutdown_date": str(datetime.now(UTC).date() + timedelta(days=days))}


@pytest.mark.parametrize(
    ("handler", "level", "said"),
    [
        (always(200, MODEL), Level.OK, "no end announced"),
        (always(200, ending(400)), Level.OK, "offered until"),
        (always(200, ending(30)), Level.WARNING, str(datetime.now(UTC).year)),
        (always(200, ending(-1)), Level.FAULT, "OPENAI_MODEL"),
        (always(404, GONE), Level.FAULT, "OPENAI_MODEL"),
        (always(401, {"error": {"code": "invalid_api_key"}}), Level.FAULT, "401"),
        (always(500), Level.WARNING, "500"),
    ],
)
async def test_each_model_status_is_a_finding(
    handler: Any, level: Level, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_server(handler) as end:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{end.url}/v1")
        found = await check_models(Settings(ai_mock_mode=False), ["openai"])
    assert found["openai"].level is level
    assert said in found["openai"].sentence


async def test_a_misconfigured_provider_is_a_fault_and_the_others_are_still_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with run_server(always(200, {})) as end:
        own = {"OPENAI_API_KEY": "sk-x", "OPENAI_QUALITY": "ultra"}
        for name, value in (own | {"REPLICATE_API_TOKEN": "r8_x", "REPLICATE_BASE_URL": end.url}).items():
            monkeypatch.setenv(name, value)
        found = await check_models(Settings(ai_mock_mode=False), ["openai", "replicate"])
    assert (found["openai"].level, found["replicate"].level) == (Level.FAULT, Level.OK)
    assert "OPENAI_QUALITY" in found["openai"].sentence
