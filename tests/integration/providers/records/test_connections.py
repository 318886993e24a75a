"""Deadlines of database calls, and connections that the server has closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from providers.records import PostgresRpc
from providers.records.base import DatabaseUnavailable
from tests.waiting import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from commands.local.embedded import Embedded
    from commands.local.embedded.postgres import Postgres

TIMEOUT_S = 1.0


@pytest.fixture
async def rpc(database_url: str) -> AsyncIterator[PostgresRpc]:
    opened = PostgresRpc(database_url, max_connections=4, timeout_s=TIMEOUT_S)
    yield opened
    await opened.aclose()


@pytest.fixture
def postgres(embedded: Embedded) -> Postgres:
    assert embedded.postgres
    return embedded.postgres


async def test_the_first_calls_after_a_restart_of_the_server_succeed(rpc: PostgresRpc, postgres: Postgres) -> None:
    """Given idle connections, when the server restarts, then no call fails because of a connection it has closed."""
    await asyncio.gather(*(rpc.call("darkroom_ping") for _ in range(20)))

    postgres.restart()

    await asyncio.gather(*(rpc.call("darkroom_ping") for _ in range(20)))


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "not connected"])
async def test_a_call_to_a_frozen_server_ends_at_its_deadline(
    rpc: PostgresRpc, postgres: Postgres, connected: bool
) -> None:
    if connected:
        await rpc.call("darkroom_ping")
    postgres.pause()
    try:
        with pytest.raises(DatabaseUnavailable):
            await asyncio.wait_for(rpc.call("darkroom_ping"), LIMIT_S)
    finally:
        postgres.resume()

    await rpc.call("darkroom_ping")


async def test_connections_are_reused_after_a_failed_statement(rpc: PostgresRpc, database_url: str) -> None:
    for _ in range(5):
        with pytest.raises(DatabaseUnavailable):
            await _locked(rpc, database_url)

    await rpc.call("darkroom_ping")


async def _locked(rpc: PostgresRpc, database_url: str) -> None:
    """Call a function that waits for a lock until the statement's timeout."""
    with psycopg.connect(database_url) as holder:
        holder.execute("lock table darkroom_jobs in access exclusive mode")
        await rpc.call("darkroom_job_counts")
