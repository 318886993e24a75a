"""`manage.py prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.control.retention import BATCH

if TYPE_CHECKING:
    import psycopg

    from tests.integration.commands.conftest import Cli

OLD_DELIVERIES = """
insert into darkroom_deliveries (task_id, run, kind, channel, owner_id, request_id, message, state, next_at)
select 't-' || n, 1, 'result', 'webhook', 'user', 'req_1', '{}', 'sent', now() - interval '60 days'
  from generate_series(1, %s) n
"""
OLD_JOB = """
insert into darkroom_jobs (task_id, product, session_id, owner_id, channel, request_id, payload, state, created_at,
                           finished_at)
select 'old', 'avatar', 'old', 'user', 'web', 'req_1', '{}', 'completed', at, at
  from (select now() - interval '60 days' as at) t
"""


def test_prune_deletes_all_rows_whose_retention_has_passed(cli: Cli, database: psycopg.Connection) -> None:
    """Given more old deliveries than fit in a batch, a dry run counts them and a run deletes all of them."""
    database.execute("delete from darkroom_deliveries")
    database.execute(OLD_DELIVERIES.encode(), [BATCH + 1])
    database.execute(OLD_JOB.encode())
    code, data = cli("prune", "--dry-run")
    assert (code, data["dry_run"]) == (0, True)
    assert data["due"] == {"jobs": 1, "deliveries": BATCH + 1, "dead_letters": 0, "requests": 0}
    code, data = cli("prune")
    assert (code, data["deleted"]) == (0, {"jobs": 1, "deliveries": BATCH + 1, "dead_letters": 0, "requests": 0})
    assert cli("prune")[1]["deleted"]["deliveries"] == 0
