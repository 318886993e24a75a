from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from providers.records import PostgresRpc, Records
from tests.contracts.deliveries import DeliveryDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[DeliveryDatabase]:
    """The records of deliveries in an empty database."""
    rpc = PostgresRpc(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = DeliveryDatabase(connection, Records(rpc))
        found.empty()
        yield found
    await rpc.aclose()
