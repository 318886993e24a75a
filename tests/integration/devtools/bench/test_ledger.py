"""The benchmark of the database runs whole life cycles, and counts what they write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from devtools.bench.ledger import EMPTY, FULL, ROUNDS, WARM_UP, measure

if TYPE_CHECKING:
    from commands.local.embedded import Embedded

TASKS = 2 * ROUNDS
HISTORY = 300


async def test_every_task_completes_and_every_figure_is_measured(embedded: Embedded) -> None:
    assert embedded.postgres
    found = await measure(embedded.postgres, history=HISTORY, tasks=TASKS, connections=2)
    for name in (EMPTY, FULL):
        with psycopg.connect(embedded.postgres.url_of(name)) as connection:
            states = connection.execute(
                "select state, count(*) from darkroom_jobs where created_at > now() - interval '1 hour' group by state"
            ).fetchall()
        assert states == [("completed", WARM_UP + TASKS)]
    assert found["history_rows"] == HISTORY
    assert set(found["p95_ratio_to_empty"]) == {"accept", "dispatch", "claim", "complete"}
    assert found["row_updates_per_task"] == found["empty"]["row_updates_per_task"] >= 2
    figures = ("per_s", "wal_kb_per_task", "transactions_per_task", "metrics_ms", "status_ms", "page_ms", "sweep_ms")
    assert [name for name in figures if found[name] <= 0] == []
