"""Waiting for PostgreSQL locks in tests."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 10.0
_WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


@contextmanager
def locked(database_url: str, query: str, *values: object) -> Iterator[None]:
    """Hold the locks of `query` until the block ends."""
    with psycopg.connect(database_url) as holder:
        holder.execute(query.encode(), values)
        yield


def wait_for_lock_waits(connection: psycopg.Connection[Any], count: int) -> None:
    """Return when `count` connections of the database of `connection` wait for a lock.

    Raises:
        AssertionError: They do not after `TIMEOUT_S` seconds.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while connection.execute(_WAITING.encode()).fetchone() != (count,):
        assert time.monotonic() < deadline, f"{count} connections do not wait for a lock"
        time.sleep(0.01)
