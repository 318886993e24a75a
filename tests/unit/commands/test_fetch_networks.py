from __future__ import annotations

from typing import Any

import pytest

from commands.local.programs import LOOPBACK_NETWORKS, fetch_networks
from settings import Settings


def make_settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "DATABASE_URL", "SUPABASE_URL", "PUBLIC_URL", "HOST", "FETCH_ALLOWED_NETWORKS"):
        monkeypatch.delenv(name, raising=False)


def test_up_allows_loopback_pictures_on_its_own_servers() -> None:
    assert fetch_networks(make_settings()) == LOOPBACK_NETWORKS


@pytest.mark.parametrize(
    "values",
    [
        {"redis_url": "redis://cache.example"},
        {"database_url": "postgresql://db.example/shop"},
        {"supabase_url": "https://a.supabase.example", "supabase_service_role_key": "k"},
        {"public_url": "https://darkroom.example"},
        {"host": "0.0.0.0", "api_token": "x" * 32},
        {"fetch_allowed_networks": ()},
    ],
)
def test_up_refuses_loopback_pictures_on_a_public_address(values: dict[str, Any]) -> None:
    assert fetch_networks(make_settings(**values)) == ()


def test_up_keeps_configured_networks() -> None:
    assert fetch_networks(make_settings(fetch_allowed_networks=("10.0.0.0/8",))) == ("10.0.0.0/8",)
