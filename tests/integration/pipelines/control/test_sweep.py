"""The parts of the sweep are independent of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from pipelines.control.database_contact import DatabaseContact
from pipelines.control.recovery import JobRecovery
from pipelines.control.sweep import Sweep
from providers.records.base import DatabaseRefused, DatabaseUnavailable
from providers.scratch.folder import FolderScratch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import redis.asyncio

    from pipelines.engine.dramatiq_redis.broker import Broker
    from providers.records import Records
    from schemas.errors import DarkroomError
    from schemas.records import NewTask


@pytest.fixture
def sweep(records: Records, broker: Broker, client: redis.asyncio.Redis, tmp_path: Path) -> Sweep:
    return Sweep(
        recovery=JobRecovery(records, broker, DatabaseContact(0), lease_s=1, max_recoveries=3), records=records,
        client=client, scratch=FolderScratch(tmp_path), stuck_after_s=0, dead_letter_ttl_s=0,
    )  # fmt: skip


def failing(error: DarkroomError) -> Callable[..., object]:
    async def cancel_lost_orders(**_: object) -> int:
        raise error

    return cancel_lost_orders


async def test_refused_lost_orders_do_not_stop_the_other_parts(
    sweep: Sweep,
    records: Records,
    database_url: str,
    new_task: Callable[..., NewTask],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new_task()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "insert into darkroom_dead_letters (list, code, reason, payload, encoding, complete) "
            "values ('l', 'invalid', 'r', 'p', 'utf-8', true)"
        )
    monkeypatch.setattr(records.orders, "cancel_lost_orders", failing(DatabaseRefused("a row is refused")))

    report = await sweep.run_once()

    assert (report.failed, report.refunded) == (1, 1)
    assert await records.dead_letters() == []


async def test_an_unavailable_database_ends_the_sweep(
    sweep: Sweep, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records.orders, "cancel_lost_orders", failing(DatabaseUnavailable("away")))
    with pytest.raises(DatabaseUnavailable):
        await sweep.run_once()
