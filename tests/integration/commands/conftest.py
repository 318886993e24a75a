from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import pytest
from typer.testing import CliRunner

import manage
import settings
from commands.sessions import write_session

if TYPE_CHECKING:
    from pathlib import Path


class Cli(Protocol):
    """Runs one command with `--json`; its exit code and its object."""

    def __call__(self, *words: str) -> tuple[int, dict[str, Any]]: ...


@pytest.fixture
def cli(redis_url: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    settings.load.cache_clear()
    monkeypatch.setattr(settings.Settings, "model_config", {**settings.Settings.model_config, "env_file": None})

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        settings.load.cache_clear()
        done = CliRunner().invoke(manage.app, [*words, "--json"], catch_exceptions=False)
        return done.exit_code, json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def database(database_url: str) -> Any:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def session(database: psycopg.Connection) -> dict[str, str]:
    """A shopper with five credits, one of which paid for a queued session."""
    user, session_id = str(uuid.uuid4()), str(uuid.uuid4())
    database.execute("INSERT INTO user_credits (user_id, balance) VALUES (%s, 5)", [user])
    database.execute("SELECT deduct_credits(%s, 1, 'try-on')", [user])
    write_session(
        database, "b2c", session_id=session_id, owner_id=user, urls=["http://a.test/1"], prompt="", credits_used=1
    )
    return {"user_id": user, "session_id": session_id}
