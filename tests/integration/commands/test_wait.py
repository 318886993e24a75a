from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from commands.wait import NotReadyError, wait_for
from providers.records.migrate import migrate
from settings import Settings
from tests.waiting import LIMIT_S

if TYPE_CHECKING:
    from commands.local.embedded import Embedded

ROOT = Path(__file__).parents[3]
#: Nothing listens there: the port belongs to no service.
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def empty_database(embedded: Embedded) -> Any:
    """The address of a database without migrations."""
    assert embedded.postgres
    with psycopg.connect(embedded.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE waited_for")
        yield embedded.postgres.url_of("waited_for")
        connection.execute("DROP DATABASE waited_for WITH (FORCE)")


def settings(redis_url: str, database_url: str) -> Settings:
    return Settings.model_validate({"redis_url": redis_url, "database_url": database_url})


def start(*words: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "commands.wait", *words],
        cwd=ROOT,
        env={**os.environ, "LOG_FORMAT": "json", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_program_replaces_the_waiting_process(redis_url: str, database_url: str) -> None:
    waiting = start("sh", "-c", "echo $$; exit 7", REDIS_URL=redis_url, DATABASE_URL=database_url)
    said, _ = waiting.communicate(timeout=30)
    assert said.split()[-1] == str(waiting.pid)
    assert waiting.returncode == 7


def test_a_timeout_names_the_service_but_not_its_address(database_url: str) -> None:
    with pytest.raises(NotReadyError, match=r"^waited \d+ s for redis: ConnectionError$"):
        wait_for(settings(NOBODY, database_url), ["redis"], timeout_s=0.1, pause_s=0.05)


def test_the_wait_ends_once_migrations_are_applied(redis_url: str, empty_database: str) -> None:
    asked = settings(redis_url, empty_database)
    wait_for(asked, ["redis", "database"], timeout_s=LIMIT_S)
    with pytest.raises(NotReadyError, match=r"migrations are not applied yet: run `python manage\.py migrate`"):
        wait_for(asked, ["migrations"], timeout_s=0.1, pause_s=0.05)
    migrate(empty_database)
    wait_for(asked, ["migrations"], timeout_s=LIMIT_S)


def test_a_signal_ends_the_wait(database_url: str) -> None:
    waiting = start("true", REDIS_URL=NOBODY, DATABASE_URL=database_url)
    assert waiting.stdout
    assert '"event":"waiting"' in waiting.stdout.readline()
    waiting.send_signal(signal.SIGTERM)
    waiting.communicate(timeout=30)
    assert waiting.returncode == 128 + signal.SIGTERM


def test_without_services_the_missing_settings_are_named(tmp_path: Path) -> None:
    waiting = start("true", REDIS_URL="", DATABASE_URL="", SUPABASE_URL="", DATA_DIR=str(tmp_path))
    said, _ = waiting.communicate(timeout=30)
    assert said.startswith("Darkroom can't start: REDIS_URL and DATABASE_URL (or SUPABASE_URL) are not set")
    assert waiting.returncode == 1


def test_an_error_names_a_missing_program(redis_url: str, database_url: str) -> None:
    waiting = start("--for", "redis", "no-such-program", REDIS_URL=redis_url, DATABASE_URL=database_url)
    said, _ = waiting.communicate(timeout=30)
    assert said.endswith("Darkroom can't start: no-such-program: No such file or directory\n")
    assert waiting.returncode == 127
