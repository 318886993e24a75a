from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from providers.records import PostgresRpc, Records
from providers.records.supabase import SupabaseRpc
from tests.contracts.deliveries import DeliveriesContract, DeliveryDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from devtools.supabase_emulator import LocalSupabase
    from providers.records import Rpc


@pytest.fixture
def database(rpc: Rpc, database_url: str) -> Iterator[DeliveryDatabase]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = DeliveryDatabase(connection, Records(rpc))
        found.empty()
        yield found


class TestPostgresDeliveries(DeliveriesContract):
    @pytest.fixture
    async def rpc(self, database_url: str) -> AsyncIterator[PostgresRpc]:
        opened = PostgresRpc(database_url)
        yield opened
        await opened.aclose()


class TestSupabaseDeliveries(DeliveriesContract):
    @pytest.fixture
    async def rpc(self, local_supabase: LocalSupabase) -> AsyncIterator[SupabaseRpc]:
        opened = SupabaseRpc(local_supabase.url, local_supabase.service_role_key)
        yield opened
        await opened.aclose()
