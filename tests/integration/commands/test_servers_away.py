"""With a server away, a command says in one sentence which one and where; nothing else is printed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commands.reachable import UnreachableError, database_address, redis_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.commands.conftest import Cli

ROOT = Path(__file__).parents[3]
DATABASE = ["status", "status task", "dead list", "dead show 1", "sweep --dry-run", "webhook show shop", "migrate"]
BOTH = ["cancel session", "sweep", "dead replay 1"]
PASSWORD = "hunter2"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("words", [*DATABASE, *BOTH])
def test_an_error_names_a_database_that_refuses_connections(
    environment: pytest.MonkeyPatch, cli: Cli, closed_port: int, words: str
) -> None:
    environment.setenv("DATABASE_URL", f"postgresql://me:{PASSWORD}@127.0.0.1:{closed_port}/shop")
    sentence = f"PostgreSQL at 127.0.0.1:{closed_port}/shop can't be reached: Connection refused."
    assert cli(*words.split()) == (1, {"error": sentence})


def test_an_error_names_a_database_that_does_not_answer(
    environment: pytest.MonkeyPatch, cli: Cli, silent_port: int
) -> None:
    environment.setenv("DATABASE_URL", f"postgresql://me:{PASSWORD}@127.0.0.1:{silent_port}/shop")
    sentence = f"PostgreSQL at 127.0.0.1:{silent_port}/shop can't be reached: no answer within 1.5 s."
    assert cli("status") == (1, {"error": sentence})


@pytest.mark.parametrize("words", BOTH)
def test_an_error_names_a_redis_that_refuses_connections(
    environment: pytest.MonkeyPatch, cli: Cli, closed_port: int, words: str
) -> None:
    environment.setenv("REDIS_URL", f"redis://:{PASSWORD}@127.0.0.1:{closed_port}/0")
    sentence = f"Redis at 127.0.0.1:{closed_port} can't be reached: Connection refused."
    assert cli(*words.split()) == (1, {"error": sentence})


def test_an_error_names_a_redis_that_does_not_answer(
    environment: pytest.MonkeyPatch, cli: Cli, silent_port: int
) -> None:
    environment.setenv("REDIS_URL", f"redis://:{PASSWORD}@127.0.0.1:{silent_port}/0")
    sentence = f"Redis at 127.0.0.1:{silent_port} can't be reached: no answer within 1.5 s."
    assert cli("sweep") == (1, {"error": sentence})


def test_an_error_names_a_supabase_that_refuses_connections(
    environment: pytest.MonkeyPatch, cli: Cli, closed_port: int
) -> None:
    environment.delenv("DATABASE_URL")
    environment.setenv("SUPABASE_URL", f"http://127.0.0.1:{closed_port}")
    environment.setenv("SUPABASE_SERVICE_ROLE_KEY", PASSWORD)
    sentence = f"Supabase at 127.0.0.1:{closed_port} can't be reached: Connection refused."
    assert cli("status") == (1, {"error": sentence})


def test_the_output_is_one_line_without_a_log(closed_port: int) -> None:
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:{closed_port}/shop"
    done = subprocess.run(
        [sys.executable, "manage.py", "status"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"DATABASE_URL": url, "REDIS_URL": "redis://127.0.0.1:1/0"},
    )  # fmt: skip
    sentence = f"PostgreSQL at 127.0.0.1:{closed_port}/shop can't be reached: Connection refused.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://me:secret@db.example:6000/shop", "db.example:6000/shop"),
        ("postgresql://me:secret@db.example", "db.example:5432/me"),
        ("postgresql:///shop?host=/run/postgresql&password=secret", "/run/postgresql (database shop)"),
    ],
)
def test_the_url_of_a_database_is_shown_without_its_password(url: str, address: str) -> None:
    assert database_address(url) == address


def test_an_invalid_database_url_is_not_repeated() -> None:
    with pytest.raises(UnreachableError, match="DATABASE_URL") as caught:
        database_address("postgresql://me:secret@[db/shop")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://:secret@cache.example:6380/2", "cache.example:6380"),
        ("rediss://me:secret@cache.example", "cache.example"),
        ("unix:///run/valkey.sock?password=secret", "/run/valkey.sock"),
        ("sentinel://:secret@one:26379,two:26379/shop", "one:26379,two:26379/shop"),
    ],
)
def test_the_url_of_a_redis_is_shown_without_its_password(url: str, address: str) -> None:
    assert redis_address(url) == address
