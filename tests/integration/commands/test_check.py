"""Findings of `check`, and their output."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import manage
from providers.redis_clients import async_client, sync_client
from providers.served import ServedProducts
from schemas import keys
from schemas.common import Product
from settings import Settings, load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.commands.conftest import Cli

pytestmark = pytest.mark.usefixtures("flush_redis")


def faulty(data: dict[str, list[str]]) -> list[str]:
    return [text.split(":")[0] for text in data["faults"]]


@pytest.mark.parametrize(
    ("name", "value", "row", "said"),
    [
        ("DATA_DIR", "/dev/null/x", "data folder", "/dev/null is a file"),
        (
            "TRYON_PROVIDERS",
            "openia",
            "tryon",
            "'openia' is unknown; there are comfyui, fal, fashn, gemini, mock, openai,",
        ),
        ("HOST", "0.0.0.0", "http access", "set API_TOKENS (or API_TOKEN), or HOST=127.0.0.1"),
        ("API_TOKENS", "me:read:short", "http access", "API_TOKENS: entry 1 is wrong in its secret"),
        ("PROVIDER_RPM", "openai=many", "provider limits", "Invalid number in a provider's limit"),
    ],
)
def test_an_unusable_setting_is_a_fault(  # noqa: PLR0913, PLR0917  a case of four
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str, row: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    code, data = cli("check")
    assert code == 1
    assert row in faulty(data)
    assert said in data["connections"][row]


def test_without_servers_the_message_names_the_command_to_start_them(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")
    monkeypatch.delenv("DATABASE_URL")
    code, data = cli("check")
    assert code == 1
    assert faulty(data)[:2] == ["redis", "database"]
    assert "start `python manage.py up`" in data["connections"]["redis"]


def test_unknown_settings_in_the_env_file_are_reported(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Settings, "model_config", {**Settings.model_config, "env_file": tmp_path / ".env"})
    (tmp_path / ".env").write_text("OPENAI_API_KEEY=x\n")
    assert ".env: unknown settings: OPENAI_API_KEEY (did you mean OPENAI_API_KEY?)" in cli("check")[1]["faults"]
    (tmp_path / ".env").write_text("COMPOSE_PROJECT_NAME=x\nSTOP_GRACE=60s\n")
    assert ".env: unknown settings, ignored: COMPOSE_PROJECT_NAME" in cli("check")[1]["warnings"]


def test_programs_that_are_not_running_are_warnings(cli: Cli) -> None:
    code, data = cli("check")
    warned = {text.split(":")[0] for text in data["warnings"]}
    assert code == 0
    assert warned == {"workers", "scheduler", "http", "pose model"}


def test_running_workers_and_a_recent_sweep_are_reported(cli: Cli, redis_url: str) -> None:
    with sync_client(redis_url) as client:
        client.zadd(keys.HEARTBEATS, {"worker": time.time() * 1000})
        client.set(keys.LAST_SWEEP, round(time.time() * 1000))

    async def announce() -> None:
        client = async_client(redis_url, max_connections=1)
        await ServedProducts(client).announce("worker", [Product.TRYON, Product.IMAGES])
        await client.aclose()

    asyncio.run(announce())
    data = cli("check")[1]
    assert re.match(r"the last sweep was \d+ s ago", data["connections"]["scheduler"])
    assert data["connections"]["workers"] == (
        "1 running; tryon by 1, images by 1 can be made; no running worker has a provider for avatar"
    )


def test_the_age_of_a_missed_sweep_is_reported_in_minutes(cli: Cli, redis_url: str) -> None:
    with sync_client(redis_url) as client:
        client.set(keys.LAST_SWEEP, round((time.time() - 600) * 1000))
    assert cli("check")[1]["connections"]["scheduler"].startswith("the last sweep was 10 minutes ago")


@pytest.mark.usefixtures("cli")
def test_the_result_comes_first_and_only_changed_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TRYON_PROVIDERS", "openia")

    def shown(*words: str) -> str:
        load.cache_clear()
        return CliRunner().invoke(manage.app, ["check", *words], catch_exceptions=False).stdout

    lines = shown().splitlines()
    assert lines[0] == "1 fault, and 4 warnings."
    assert lines[2].startswith("✗ tryon")
    assert max(map(len, lines)) <= 80
    assert not any(line.startswith("LEASE_S") for line in lines)
    assert any(line.startswith("LEASE_S") for line in shown("--all").splitlines())
