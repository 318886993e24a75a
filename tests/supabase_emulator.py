"""The local Supabase over a module's database, for `conftest.py` files to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devtools.supabase_emulator import LocalSupabase

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def local_supabase(database_url: str) -> Iterator[LocalSupabase]:
    """A Supabase that serves the database at `database_url`."""
    with LocalSupabase(database_url) as server:
        yield server
