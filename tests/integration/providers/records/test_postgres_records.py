from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from providers.records import PostgresRpc, Records
from providers.records.base import DatabaseUnavailable
from tests.contracts.records import RecordsContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class TestPostgresRecords(RecordsContract):
    @pytest.fixture
    async def rpc(self, database_url: str) -> AsyncIterator[PostgresRpc]:
        opened = PostgresRpc(database_url)
        yield opened
        await opened.aclose()


async def test_a_database_that_cannot_be_reached_is_worth_another_try(tmp_path: Path) -> None:
    records = Records(PostgresRpc(f"postgresql:///x?host={tmp_path}", timeout_s=0.2))
    with pytest.raises(DatabaseUnavailable):
        await records.job_counts()
    await records.aclose()
