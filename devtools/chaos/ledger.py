"""Audit of every task and credit, from the products' own tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from devtools.chaos.load import ACCOUNTS, BALANCE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psycopg

    from devtools.chaos.load import ChaosTask, TaskOwner

SESSIONS = """
select s.id::text, s.status::text, s.credits_used, s.generated_image_url, s.error_message
  from {table} s where s.id = any(%s)
"""
REFUNDS = "select session_id, amount from darkroom_ledger where kind = 'refund' and session_id = any(%s)"
JOBS = """
select session_id, state, not exists (select from darkroom_dispatched d where d.task_id = j.task_id), outcome
  from darkroom_jobs j where session_id = any(%s)
"""
UNFINISHED = """
select count(*) from (
  select 1 from generation_sessions where id = any(%(ids)s) and status not in ('completed', 'failed')
  union all
  select 1 from store_generation_sessions where id = any(%(ids)s) and status not in ('completed', 'failed')
  union all
  select 1 from darkroom_jobs j join darkroom_dispatched d using (task_id) where session_id = any(%(ids)s)) as open
"""
TABLES = {
    "b2c": ("generation_sessions", "credit_transactions"),
    "b2b": ("store_generation_sessions", "store_credit_transactions"),
}


@dataclass
class Ledger:
    """Sums, and a sentence for each violation in `faults`."""

    tasks: int = 0
    completed: int = 0
    failed: int = 0
    refunds: int = 0
    double_refunds: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Number of tasks that did not end."""
        return self.tasks - self.completed - self.failed


def unfinished(database: psycopg.Connection, tasks: Sequence[ChaosTask]) -> int:
    """Return the number of sessions that have not ended and of jobs that were not released."""
    row = database.execute(UNFINISHED, {"ids": [task.session_id for task in tasks]}).fetchone()
    return int(row[0]) if row else 0


def audit(
    database: psycopg.Connection, tasks: Sequence[ChaosTask], owners: Sequence[TaskOwner], storage: Path
) -> Ledger:
    """Check every session, job and account; `storage` is the folder of finished pictures."""
    ledger = Ledger(tasks=len(tasks))
    ids = [task.session_id for task in tasks]
    refunds = dict(_all(database, REFUNDS, ids))
    jobs = {session: rest for session, *rest in _all(database, JOBS, ids)}
    status: dict[str, str] = {}
    for channel, (table, _) in TABLES.items():
        for session, state, price, url, message in _all(database, SESSIONS.format(table=table), ids):
            status[session] = state
            _check_session(ledger, channel, session, state, price, url, message, refunds)
    for session, (state, notified, outcome) in jobs.items():
        _check_job(ledger, session, state, notified, outcome, status.get(session, "missing"), storage)
    for owner in owners:
        _check_account(ledger, database, owner, [task for task in tasks if task.owner == owner], status)
    return ledger


def _check_session(  # noqa: PLR0913, PLR0917  the columns of the row
    ledger: Ledger, channel: str, session: str, status: str, price: int, url: str | None, message: str | None,
    refunds: dict[str, int],
) -> None:  # fmt: skip
    name = f"{channel} session {session}"
    refunded = refunds.get(session)
    if status == "completed":
        ledger.completed += 1
        if refunded is not None:
            ledger.faults.append(f"{name} completed and was refunded {refunded}")
        if not url:
            ledger.faults.append(f"{name} completed without a picture")
    elif status == "failed":
        ledger.failed += 1
        ledger.reasons[message or "no reason"] += 1
        if refunded != price:
            ledger.faults.append(f"{name} failed, cost {price} and was refunded {refunded or 0}")
    else:
        ledger.faults.append(f"{name} did not end: {status}")


def _check_job(  # noqa: PLR0913, PLR0917  the columns of the row
    ledger: Ledger, session: str, state: str, notified: bool, outcome: Any, status: str, storage: Path,  # noqa: FBT001
) -> None:  # fmt: skip
    if {"completed": "completed", "failed": "failed", "cancelled": "failed"}.get(state) != status:
        ledger.faults.append(f"the job of session {session} is {state}, the session {status}")
    if not notified:
        ledger.faults.append(f"the job of session {session} was not released")
    if state == "completed":
        missing = [item["path"] for item in outcome["pictures"] if not any(storage.glob(f"*/{item['path']}"))]
        if missing:
            ledger.faults.append(f"session {session} completed and its picture is missing in the storage")


def _check_account(
    ledger: Ledger, database: psycopg.Connection, owner: TaskOwner, tasks: Sequence[ChaosTask], status: dict[str, str]
) -> None:
    accounts, column = ACCOUNTS[owner.channel]
    movements = TABLES[owner.channel][1]
    failed = [task for task in tasks if status.get(task.session_id) == "failed"]
    ((balance,),) = _all(database, f"select balance from {accounts} where {column} = %s", owner.id)  # noqa: S608  constant names
    given_back = [
        amount
        for (amount,) in _all(
            database,
            f"select amount from {movements} where {column} = %s and amount > 0",  # noqa: S608  constant names
            owner.id,
        )
    ]
    ledger.refunds += len(given_back)
    doubles = Counter(given_back) - Counter(task.credits for task in failed)
    if doubles:
        ledger.double_refunds += doubles.total()
        ledger.faults.append(f"{owner.channel} owner {owner.id} was refunded {doubles.total()} times too often")
    expected = BALANCE - sum(task.credits for task in tasks) + sum(task.credits for task in failed)
    if balance != expected:
        ledger.faults.append(f"{owner.channel} owner {owner.id} has {balance} credits, not {expected}")


def _all(database: psycopg.Connection, query: str, value: Any) -> list[tuple[Any, ...]]:
    return database.execute(query, [value]).fetchall()
