from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from providers.records import Records
from tests.contracts.database_fixture import MAX_REFUND, World
from tests.supabase_emulator import local_supabase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from providers.records import Rpc

__all__ = ["local_supabase"]


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = World(connection)
        found.empty()
        yield found


@pytest.fixture
def records(rpc: Rpc, world: World) -> Records:  # noqa: ARG001  empties the tables first
    return Records(rpc, max_refund_credits=MAX_REFUND)
