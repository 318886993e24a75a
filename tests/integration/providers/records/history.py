"""A database full of ended work, and how many rows a query touches there."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

_FILL = """
insert into generation_sessions (id, user_id, status, created_at)
select 's-' || n, 'user-' || n %% 3, case when n %% 50 = 0 then 'failed' else 'completed' end,
       now() - interval '60 days' + n * interval '1 second'
  from generate_series(1, %(rows)s) n;
insert into darkroom_jobs (task_id, product, session_id, owner_id, channel, request_id, payload, state, token, failure,
                           created_at, dispatched_at, finished_at)
select 't-' || n, 'tryon', 's-' || n, 'user-' || n %% 3, 'b2c', 'req_1', '{}',
       case when n %% 50 = 0 then 'failed' else 'completed' end, 1,
       case when n %% 50 = 0 then '{"code": "x"}'::jsonb end, t.at, t.at, t.at
  from generate_series(1, %(rows)s) n
 cross join lateral (select now() - interval '60 days' + n * interval '1 second' as at) t;
insert into darkroom_ledger (product, channel, session_id, run, kind, owner_id, amount)
select 'tryon', 'b2c', 's-' || n, 1, 'charge', 'user-' || n %% 3, 1 from generate_series(1, %(rows)s) n;
insert into darkroom_requests (task_id, client, fingerprint, product, channel, session_id, owner_id, request_id, answer,
                               arrived, created_at)
select 't-' || n, 'test', '', 'tryon', 'b2c', 's-' || n, 'user-' || n %% 3, 'req_1', '{}', true,
       now() - interval '2 days'
  from generate_series(1, %(rows)s) n;
insert into darkroom_deliveries (task_id, run, kind, channel, owner_id, request_id, message, state, next_at, sent_at)
select 't-' || n, 1, 'result', 'webhook', 'user-' || n %% 3, 'req_1', '{}', 'sent', t.at, t.at
  from generate_series(1, %(rows)s) n
 cross join lateral (select now() - interval '60 days' + n * interval '1 second' as at) t;
"""
_TOUCHED = """
select t.relname, t.seq_scan, t.seq_tup_read + coalesce(sum(i.idx_tup_read), 0)
  from pg_stat_user_tables t left join pg_stat_user_indexes i using (relid) group by t.relid, 1, 2, t.seq_tup_read
"""


def fill(connection: psycopg.Connection[Any], rows: int) -> None:
    """Write so many ended jobs, sessions, charges, orders and deliveries of 3 owners; every fiftieth job has failed."""
    for statement in _FILL.split(";\n"):
        if statement.strip():
            connection.execute(statement.encode(), {"rows": rows})
    connection.execute("vacuum analyze")


@dataclass
class Touched:
    """What the calls in the context of `touched` read.

    Attributes:
        scanned: Tables that were read from end to end.
        rows: Entries of indexes and rows read, by table.
    """

    scanned: set[str]
    rows: dict[str, int]


@contextmanager
def touched(connection: psycopg.Connection[Any]) -> Iterator[Touched]:
    """Count what `connection` reads in the context."""
    found = Touched(set(), {})
    before = _counters(connection)
    yield found
    for table, (scans, rows) in _counters(connection).items():
        earlier_scans, earlier_rows = before.get(table, (0, 0))
        if scans > earlier_scans:
            found.scanned.add(table)
        found.rows[table] = rows - earlier_rows


def _counters(connection: psycopg.Connection[Any]) -> dict[str, tuple[int, int]]:
    connection.execute("select pg_stat_force_next_flush()")
    return {name: (scans, int(rows)) for name, scans, rows in connection.execute(_TOUCHED.encode()).fetchall()}
