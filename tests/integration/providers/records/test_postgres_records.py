from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from providers.records import PostgresRpc, Records
from providers.records.base import DatabaseRefused, DatabaseUnavailable
from tests.contracts.records import RecordsContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.contracts.database_fixture import World


class TestPostgresRecords(RecordsContract):
    @pytest.fixture
    async def rpc(self, database_url: str) -> AsyncIterator[PostgresRpc]:
        opened = PostgresRpc(database_url)
        yield opened
        await opened.aclose()


async def test_an_unreachable_database_is_retryable(tmp_path: Path) -> None:
    records = Records(PostgresRpc(f"postgresql:///x?host={tmp_path}", timeout_s=0.2))
    with pytest.raises(DatabaseUnavailable):
        await records.job_counts()
    await records.aclose()


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        ("45000", DatabaseRefused),
        ("P0002", DatabaseRefused),
        ("54000", DatabaseRefused),
        ("25006", DatabaseUnavailable),
        ("25P03", DatabaseUnavailable),
        ("40P01", DatabaseUnavailable),
        ("40001", DatabaseUnavailable),
        ("55P03", DatabaseUnavailable),
        ("53300", DatabaseUnavailable),
        ("53100", DatabaseUnavailable),
    ],
)
async def test_only_an_outage_is_retryable(
    database_url: str, world: World, sqlstate: str, expected: type[Exception]
) -> None:
    world.connection.execute(
        "create or replace function darkroom_raises() returns void language plpgsql as"
        f" $$ begin raise sqlstate '{sqlstate}'; end $$".encode()
    )
    rpc = PostgresRpc(database_url)
    try:
        with pytest.raises(expected):
            await rpc.call("darkroom_raises")
    finally:
        await rpc.aclose()
        world.connection.execute("drop function darkroom_raises")
