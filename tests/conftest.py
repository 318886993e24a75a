"""Shared fixtures: real embedded servers per process, and a new database per module."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import psycopg
import pytest
import redis
from pytest_socket import disable_socket

from commands.local.embedded import Embedded
from providers.records.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

# No test is timed: a busy machine makes any example slow once.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

UNIT = Path(__file__).parent / "unit"
TEMPLATE = "darkroom_template"
_numbers = itertools.count(1)


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forbid sockets in unit tests, except the Unix socket pairs of event loops."""
    if UNIT in item.path.parents and "enable_socket" not in getattr(item, "fixturenames", ()):
        disable_socket(allow_unix_socket=True)


@pytest.fixture(scope="session")
def embedded() -> Iterator[Embedded]:
    """A Valkey and a PostgreSQL that run until the process ends; see `redis_url` and `database_url`."""
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        Path(folder).chmod(0o711)  # as root, PostgreSQL runs as another account
        with Embedded(Path(folder), ephemeral=True) as servers:
            yield servers


@pytest.fixture(scope="session")
def redis_url(embedded: Embedded) -> str:
    """URL of the Valkey; `flush_redis` empties it."""
    assert embedded.redis_url
    return embedded.redis_url


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """Client of the Valkey."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def flush_redis(redis_client: redis.Redis) -> None:
    """Empty the Valkey before the test."""
    redis_client.flushall()


@pytest.fixture(scope="session")
def template_database(embedded: Embedded) -> str:
    """Name of a database with all migrations applied, to be copied."""
    assert embedded.postgres
    with psycopg.connect(embedded.postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(embedded.postgres.url_of(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="module")
def database_url(embedded: Embedded, template_database: str) -> Iterator[str]:
    """URL of a database with all migrations applied, new for each module."""
    assert embedded.postgres
    name = f"test_{next(_numbers)}"
    with psycopg.connect(embedded.postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    yield embedded.postgres.url_of(name)
    with psycopg.connect(embedded.postgres.url, autocommit=True) as connection:  # a test may have restarted the server
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
