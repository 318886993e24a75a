"""Steps of a job's life, for the contracts of the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.records import Completion, JobRow, NewTask, SettlementResult
from tests.contracts.database_fixture import LEASE_S

if TYPE_CHECKING:
    from providers.records import Records

NOTHING = SettlementResult(moved=False, refunded=0)


async def start(records: Records, *tasks: NewTask) -> list[JobRow]:
    """Accept tasks and dispatch them."""
    await records.accept(tasks)
    return await records.dispatch(limit=100, max_in_flight=100, lease_s=LEASE_S)


async def complete(records: Records, row: JobRow, **session: Any) -> Completion:
    done = await records.complete(
        row.task_id, row.token, outcome={"pictures": []}, session=session, images=[], deliveries=[]
    )
    return done.completion
