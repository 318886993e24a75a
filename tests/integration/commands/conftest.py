from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import pytest
from typer.testing import CliRunner

import manage
import settings
from commands.sessions import write_session
from providers.records.connect import connect
from schemas.common import Product
from schemas.records import NewTask

if TYPE_CHECKING:
    from pathlib import Path

    from providers.records import Records

UseRecords = Callable[[Callable[["Records"], Awaitable[Any]]], Any]


class Cli(Protocol):
    """Runs one command with `--json`; its exit code and its object."""

    def __call__(self, *words: str) -> tuple[int, dict[str, Any]]: ...


class Printed(Protocol):
    """Runs one command that succeeds; what a person sees of it on standard output, 80 columns wide."""

    def __call__(self, *words: str) -> str: ...


@pytest.fixture
def environment(
    redis_url: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """Points commands to the servers of the tests; returns what changes the environment further."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    settings.load.cache_clear()
    monkeypatch.setattr(settings.Settings, "model_config", {**settings.Settings.model_config, "env_file": None})
    return monkeypatch


@pytest.fixture
def cli(environment: pytest.MonkeyPatch) -> Cli:
    environment.setenv("COLUMNS", "80")

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        settings.load.cache_clear()
        done = CliRunner().invoke(manage.app, [*words, "--json"], catch_exceptions=False)
        return done.exit_code, json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def printed(environment: pytest.MonkeyPatch) -> Printed:
    environment.setenv("COLUMNS", "80")

    def run(*words: str) -> str:
        settings.load.cache_clear()
        done = CliRunner().invoke(manage.app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def use_records(database_url: str) -> UseRecords:
    def use(work: Callable[[Records], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            records = connect(database_url=database_url, supabase_url=None, supabase_key=None, max_connections=1)
            try:
                return await work(records)
            finally:
                await records.aclose()

        return asyncio.run(run())

    return use


@pytest.fixture
def new_id() -> str:
    """The id of `task_id`; a test may parametrize it."""
    return str(uuid.uuid4())


@pytest.fixture
def task_id(session: dict[str, str], use_records: UseRecords, new_id: str) -> str:
    """A task that waits."""
    payload = {
        "task_id": new_id,
        "channel": "b2c",
        "user_id": session["user_id"],
        "session_id": session["session_id"],
        "image_urls": ["http://a.test/1"],
    }
    task = NewTask(
        task_id=payload["task_id"],
        product=Product.TRYON,
        session_id=session["session_id"],
        owner_id=session["user_id"],
        user_id=session["user_id"],
        channel="b2c",
        request_id="req_1",
        payload=payload,
    )
    use_records(lambda records: records.accept([task]))
    return task.task_id


@pytest.fixture
def database(database_url: str) -> Any:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def session(database: psycopg.Connection) -> dict[str, str]:
    """A shopper with five credits, one of which paid for a queued session, the only one there is."""
    # A sweep also counts what earlier tests left, once it is old enough.
    database.execute("TRUNCATE generation_sessions, darkroom_jobs CASCADE")
    user, session_id = str(uuid.uuid4()), str(uuid.uuid4())
    database.execute("INSERT INTO user_credits (user_id, balance) VALUES (%s, 5)", [user])
    database.execute("SELECT deduct_credits(%s, 1, 'try-on')", [user])
    write_session(
        database, "b2c", session_id=session_id, owner_id=user, urls=["http://a.test/1"], prompt="", credits_used=1
    )
    return {"user_id": user, "session_id": session_id}
