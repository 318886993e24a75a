"""No list, count or sweep reads the rows of ended jobs: what they touch does not grow with their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.integration.providers.records.history import fill, touched

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Ended jobs; more than any call may touch.
ROWS = 30_000
#: Tables that grow with the work done.
HISTORY = {"darkroom_jobs", "darkroom_requests", "darkroom_deliveries", "generation_sessions", "darkroom_ledger"}

OWNER = {"channel": "b2c", "owner_id": "user-1"}
DEEP = {"after_at": "2001-01-01T00:00:00Z", "after_id": "s-1"}
FAILED, QUEUED = {"status": "failed"}, {"status": "queued"}
#: Calls, with the largest number of rows of one table that each may touch.
CALLS: tuple[tuple[str, tuple[Any, ...], int], ...] = (
    ("darkroom_job_counts()", (), 11_000),
    ("darkroom_session_stats(%s)", ({},), 11_000),
    # The sessions of one owner are counted.
    ("darkroom_session_stats(%s)", (OWNER,), ROWS // 3 + 100),
    *(
        ("darkroom_recent_jobs(%s, 20)", (state,), 1000)
        for state in (None, "completed", "failed", "cancelled", "waiting")
    ),
    *(
        ("darkroom_sessions(%s)", ({"limit": 50} | query,), 500)
        for query in ({}, OWNER, FAILED, OWNER | FAILED, OWNER | QUEUED, OWNER | DEEP, {"session_id": "s-7"})
    ),
    ("darkroom_orphans(900, 500)", (), 100),
    ("darkroom_lost_orders(900, 500)", (), 100),
    ("darkroom_jobs_of_session('s-7')", (), 100),
    ("darkroom_lost_jobs(500, 20, %s)", (["tryon"],), 100),
    # No row of these kinds is old enough.
    *(
        (f"darkroom_prune('{kind}', 1e8, 1000, {dry_run})", (), 100)
        for kind in ("jobs", "deliveries", "requests")
        for dry_run in (True, False)
    ),
    ("darkroom_dispatch(50, 512, 60, %s)", (["tryon"],), 100),
)


@pytest.fixture(scope="module")
def full(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database with `ROWS` ended jobs, each with its session, order and delivery."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        fill(connection, ROWS)
        yield connection


@pytest.mark.parametrize(("call", "arguments", "limit"), CALLS)
def test_a_call_reads_no_history(
    full: psycopg.Connection[Any], call: str, arguments: tuple[Any, ...], limit: int
) -> None:
    values = [Jsonb(value) if isinstance(value, dict | list) else value for value in arguments]
    with touched(full) as found:
        full.execute(f"select {call}".encode(), values)
    assert found.scanned & HISTORY == set()
    assert max(found.rows[table] for table in HISTORY) <= limit


def test_many_ended_jobs_are_estimated_and_few_are_counted(full: psycopg.Connection[Any]) -> None:
    row = full.execute("select darkroom_job_counts()").fetchone()
    assert row is not None
    assert row[0]["failed"] == ROWS // 50
    assert row[0]["completed"] == pytest.approx(ROWS * 49 // 50, rel=0.05)
    assert "waiting" not in row[0]


def test_many_sessions_of_all_owners_are_estimated_and_those_of_one_counted(full: psycopg.Connection[Any]) -> None:
    everyone = full.execute("select darkroom_session_stats('{}')").fetchone()
    one = full.execute("select darkroom_session_stats(%s)", [Jsonb(OWNER)]).fetchone()
    assert everyone is not None
    assert one is not None
    assert everyone[0]["total"] == pytest.approx(ROWS, rel=0.05)
    assert one[0] == {"total": ROWS // 3, "completed": ROWS // 3 - ROWS // 150, "failed": ROWS // 150, "active": 0}


def test_an_order_whose_task_has_a_job_is_looked_at_once(full: psycopg.Connection[Any]) -> None:
    full.execute(
        "update darkroom_requests set arrived = false where task_id in (select 't-' || generate_series(1, 100))"
    )
    with touched(full) as first:
        full.execute("select darkroom_lost_orders(900, 500)")
    with touched(full) as second:
        full.execute("select darkroom_lost_orders(900, 500)")
    assert full.execute("select bool_and(arrived) from darkroom_requests").fetchone() == (True,)
    # Planning alone looks at a few entries at the ends of indexes.
    assert first.rows["darkroom_jobs"] >= 100
    assert second.rows["darkroom_jobs"] < 20
