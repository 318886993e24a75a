"""`manage.py bench ledger`: what the database does for a task, with and without a history of ended jobs."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from commands.local.embedded import Embedded
from commands.outcome import CommandOutcome
from devtools.bench import usage
from devtools.bench.ledger_load import LifeCycles
from devtools.bench.percentiles import percentile
from devtools.bench.tasks import write_tasks
from pipelines.control.retention import Retention
from providers.records import PostgresRpc, Records
from providers.records.migrate import migrate
from providers.records.retention import DataKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from commands.local.embedded.postgres import Postgres
    from settings import Settings

FILL = Path(__file__).with_name("history.sql")
#: Ended jobs inserted per statement.
FILL_BATCH = 50_000
EMPTY, FULL = "bench_empty", "bench_history"
#: The databases take turns, so that whatever else the machine does slows both.
ROUNDS, WARM_UP = 10, 200
OWNERS = 50
POLL_S = 0.01
#: Times that a call is measured; the median counts.
READS = 5
STUCK_AFTER_S = 900.0
#: Retention that makes about half of the history due, and the seconds of deleting it.
TTL_S, PRUNING_S = 30 * 86_400.0, 5.0
CALLS = ("accept", "dispatch", "claim", "complete")
_WRITTEN = """
select pg_current_wal_lsn() - '0/0', s.xact_commit, t.updates, t.hot, t.jobs
  from pg_stat_database s, (
    select sum(n_tup_upd) as updates, sum(n_tup_hot_upd) as hot,
           sum(n_tup_upd) filter (where relname = 'darkroom_jobs') as jobs from pg_stat_user_tables) t
 where s.datname = current_database()
"""


def bench_ledger(settings: Settings, *, history: int, tasks: int, connections: int) -> CommandOutcome:
    """Run `tasks` tasks without pictures on an empty database, and on one with `history` ended jobs.

    Returns the figures of the database with the history, and `p95_ratio_to_empty` of each call.

    Raises:
        StartError: PostgreSQL can't be started.
    """
    folder = settings.data_dir.resolve() / "bench" / "ledger"
    with Embedded(folder, ephemeral=True, valkey=False) as servers:
        assert servers.postgres  # noqa: S101  `Embedded` runs it
        data = asyncio.run(measure(servers.postgres, history=history, tasks=tasks, connections=connections))
    return CommandOutcome(data, _table(data))


async def measure(postgres: Postgres, *, history: int, tasks: int, connections: int) -> dict[str, Any]:
    """Return the figures of `bench_ledger`, measured in two new databases of this server."""
    for name in (EMPTY, FULL):
        _create(postgres, name)
    _fill(postgres.url_of(FULL), history)
    sides = {name: _Side(postgres, name, connections) for name in (EMPTY, FULL)}
    for number in range(ROUNDS + 1):
        for side in sides.values():
            await side.run(tasks // ROUNDS if number else WARM_UP, number)
    full, empty = sides[FULL], sides[EMPTY]
    return {
        "history_rows": history,
        "tasks": tasks,
        "connections": connections,
        "load_before": round(psutil.getloadavg()[0], 1),
        **full.figures(),
        "empty": empty.figures(),
        "p95_ms": {call: round(full.p95_ms(call), 2) for call in CALLS},
        "p95_ratio_to_empty": {call: round(full.p95_ms(call) / empty.p95_ms(call), 2) for call in CALLS},
        **await _reads(postgres.url_of(FULL)),
    }


class _Side:
    """One of the two databases, and what its rounds have used so far."""

    def __init__(self, postgres: Postgres, name: str, connections: int) -> None:
        self._postgres, self._name, self._connections = postgres, name, connections
        self._totals: dict[str, float] = dict.fromkeys(
            ("tasks", "seconds", "cpu_s", "wal", "transactions", "updates", "hot", "jobs"), 0.0
        )
        self._calls_ms: dict[str, list[float]] = {call: [] for call in CALLS}

    async def run(self, count: int, number: int) -> None:
        """Run `count` tasks; round 0 only warms up."""
        url = self._postgres.url_of(self._name)
        with psycopg.connect(url, autocommit=True) as connection:
            tasks = write_tasks(connection, count, seed=f"{self._name} {number}", owners=OWNERS)
            before = _written(connection)
            cpu_s, started = usage.cpu_s(self._postgres.pid), time.monotonic()
            records = Records(PostgresRpc(url, max_connections=self._connections + 1))
            cycles = LifeCycles(records, connections=self._connections)
            await cycles.run(tasks)
            seconds, used_s = time.monotonic() - started, usage.cpu_s(self._postgres.pid) - cpu_s
            await records.aclose()
            _wait_for_statistics(connection)
            after = _written(connection)
        if number:
            written = {name: after[name] - before[name] for name in after}
            for name, value in {"tasks": count, "seconds": seconds, "cpu_s": used_s, **written}.items():
                self._totals[name] += value
            for call in CALLS:
                self._calls_ms[call] += cycles.calls_ms[call]

    def p95_ms(self, call: str) -> float:
        """Return the 95th percentile of a call's duration, milliseconds."""
        return percentile(self._calls_ms[call], 0.95)

    def figures(self) -> dict[str, float]:
        """Return the figures per task and second."""
        total = self._totals
        return {
            "per_s": round(total["tasks"] / total["seconds"], 1),
            "row_updates_per_task": round(total["jobs"] / total["tasks"], 2),
            "all_row_updates_per_task": round(total["updates"] / total["tasks"], 2),
            "hot_share": round(total["hot"] / total["updates"], 2),
            "wal_kb_per_task": round(total["wal"] / total["tasks"] / 1000, 2),
            "transactions_per_task": round(total["transactions"] / total["tasks"], 2),
            "postgres_cpu_ms_per_task": round(total["cpu_s"] * 1000 / total["tasks"], 2),
        }


def _create(postgres: Postgres, name: str) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    migrate(postgres.url_of(name))


def _fill(url: str, history: int) -> None:
    statement = FILL.read_bytes()
    with psycopg.connect(url, autocommit=True) as connection:
        for first in range(1, history + 1, FILL_BATCH):
            rows = min(FILL_BATCH, history + 1 - first)
            Console(stderr=True).print(f"[dim]writing history, {first:,} of {history:,} …[/dim]")
            connection.execute(statement, {"first": first, "rows": rows, "total": history})
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


def _wait_for_statistics(connection: psycopg.Connection) -> None:
    """Wait until all other connections have ended: each reports its last statistics then."""
    query = (
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
    )
    while (connection.execute(query.encode()).fetchone() or (0,))[0]:
        time.sleep(POLL_S)


def _written(connection: psycopg.Connection) -> dict[str, float]:
    connection.execute("select pg_stat_force_next_flush()")
    connection.execute("select pg_stat_clear_snapshot()")
    row = connection.execute(_WRITTEN.encode()).fetchone()
    names = ("wal", "transactions", "updates", "hot", "jobs")
    return {name: float(value or 0) for name, value in zip(names, row or (), strict=True)}


async def _reads(url: str) -> dict[str, float]:
    """Return the duration of what lists, metrics and the sweep ask the database, and the speed of deleting."""
    records = Records(PostgresRpc(url, max_connections=2))
    retention = Retention(records.retention, {DataKind.JOBS: TTL_S})

    async def page(status: str | None) -> None:
        await records.orders.page(channel="b2c", owner_id="user-1", status=status, limit=50, after=None)

    async def status() -> None:
        await records.job_counts()
        await records.recent(limit=20)

    async def sweep() -> None:
        await records.orders.lost_orders(older_than_s=STUCK_AFTER_S)
        await records.orphans(older_than_s=STUCK_AFTER_S)

    found = {
        "metrics_ms": await _median_ms(records.job_counts),
        "status_ms": await _median_ms(status),
        "page_ms": max([await _median_ms(partial(page, status)) for status in (None, "failed", "queued")]),
        "sweep_ms": await _median_ms(sweep),
    }
    started = time.monotonic()
    deleted = (await retention.prune(within_s=PRUNING_S))[DataKind.JOBS]
    found["prune_rows_per_s"] = round(deleted / (time.monotonic() - started))
    await records.aclose()
    return found


async def _median_ms(call: Callable[[], Awaitable[Any]]) -> float:
    durations = []
    for _ in range(READS):
        started = time.perf_counter()
        await call()
        durations.append((time.perf_counter() - started) * 1000)
    return round(percentile(durations, 0.5), 1)


def _table(data: dict[str, Any]) -> Table:
    table = Table("figure", title=f"{data['history_rows']:,} ended jobs", title_justify="left")
    table.add_column("measured", justify="right")
    table.add_column("empty database", justify="right")
    for name, value in data.items():
        if isinstance(value, dict):
            continue
        table.add_row(name, f"{value:,g}", f"{data['empty'][name]:,g}" if name in data["empty"] else "")
    for call, ratio in data["p95_ratio_to_empty"].items():
        table.add_row(f"p95 of {call}, ms; over that of an empty database", f"{data['p95_ms'][call]:g}; {ratio:g}", "")
    return table
