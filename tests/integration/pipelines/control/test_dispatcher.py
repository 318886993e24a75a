"""Dispatch is fair and bounded; recovery and sweep end what got stuck."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipelines.control.database_contact import DatabaseContact
from pipelines.control.dispatcher import Dispatcher
from pipelines.control.recovery import JobRecovery
from pipelines.control.retention import Retention
from pipelines.control.sweep import Sweep
from providers.scratch.folder import FolderScratch
from schemas.common import JobState
from tests.integration.pipelines.conftest import pushed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import redis.asyncio

    from pipelines.engine.dramatiq_redis.broker import Broker
    from providers.metrics.recorder import Metrics
    from providers.records import Records
    from schemas.records import NewTask

LEASE_S = 1.0


def queued(broker: Broker) -> int:
    found = broker.client.llen("dramatiq:fetch")
    assert isinstance(found, int)
    return found


async def test_owners_take_turns_however_many_tasks_they_push(
    records: Records, broker: Broker, client: redis.asyncio.Redis, metrics: Metrics, new_task: Callable[..., NewTask]
) -> None:
    """Given one owner's thirty tasks, when three others push one each, then these three are dispatched next."""
    await records.accept([new_task("flood") for _ in range(30)])
    dispatcher = Dispatcher(records, broker, client, metrics, max_in_flight=5, lease_s=60)
    assert await dispatcher.run_once() == 5
    await records.accept([new_task(owner) for owner in ("a", "b", "c")])
    for row in await records.recent(state=JobState.RUNNING):
        await records.complete(row.task_id, row.token, outcome={}, session={}, images=[], deliveries=[])
        await records.workers.release({row.task_id: row.token})

    await dispatcher.run_once()

    running = [row.owner_id for row in await records.recent(state=JobState.RUNNING)]
    assert sorted(running) == ["a", "b", "c", "flood", "flood"]


async def test_no_more_jobs_are_dispatched_than_may_be_in_flight(
    records: Records, broker: Broker, client: redis.asyncio.Redis, metrics: Metrics, new_task: Callable[..., NewTask]
) -> None:
    await records.accept([new_task() for _ in range(10)])
    several = [Dispatcher(records, broker, client, metrics, max_in_flight=4, lease_s=60) for _ in range(3)]

    started = await asyncio.gather(*(dispatcher.run_once() for dispatcher in several))

    assert sum(started) == 4
    assert queued(broker) == 4


async def test_a_job_that_is_still_queued_is_not_recovered(
    records: Records, broker: Broker, client: redis.asyncio.Redis, metrics: Metrics, new_task: Callable[..., NewTask]
) -> None:
    task = new_task()
    await records.accept([task])
    await Dispatcher(records, broker, client, metrics, max_in_flight=4, lease_s=0.05).run_once()
    await asyncio.sleep(0.1)  # the lease expires
    recovery = JobRecovery(records, broker, DatabaseContact(0), lease_s=LEASE_S, max_recoveries=3)

    report = await recovery.run_once()

    assert (report.checked, report.redriven) == (1, 0)
    row = await records.job(task.task_id)
    assert row is not None
    assert (row.token, row.recoveries) == (1, 0)
    assert queued(broker) == 1


async def test_jobs_are_recovered_from_the_table_after_redis_lost_its_data(
    records: Records, broker: Broker, client: redis.asyncio.Redis, metrics: Metrics, new_task: Callable[..., NewTask]
) -> None:
    await records.accept([new_task() for _ in range(3)])
    await Dispatcher(records, broker, client, metrics, max_in_flight=2, lease_s=0.05).run_once()
    await client.flushall()
    await asyncio.sleep(0.1)  # the leases expire
    recovery = JobRecovery(records, broker, DatabaseContact(0), lease_s=LEASE_S, max_recoveries=3)

    assert (await recovery.run_once()).redriven == 2

    assert queued(broker) == 2
    assert {row.token for row in await records.recent(state=JobState.RUNNING)} == {2}
    assert await Dispatcher(records, broker, client, metrics, max_in_flight=9, lease_s=9).run_once() == 1


async def test_a_worker_that_is_stopping_recovers_nothing(
    records: Records, broker: Broker, client: redis.asyncio.Redis, metrics: Metrics, new_task: Callable[..., NewTask]
) -> None:
    task = new_task()
    await records.accept([task])
    await Dispatcher(records, broker, client, metrics, max_in_flight=2, lease_s=0.05).run_once()
    await client.flushall()
    await asyncio.sleep(0.1)  # the lease expires
    broker.slots.close()

    report = await JobRecovery(records, broker, DatabaseContact(0), lease_s=LEASE_S, max_recoveries=3).run_once()

    assert (report.redriven, queued(broker)) == (0, 0)
    row = await records.job(task.task_id)
    assert row is not None
    assert (row.token, row.recoveries) == (1, 0)


async def test_concurrent_recoveries_recover_a_job_once(
    records: Records, broker: Broker, client: redis.asyncio.Redis, metrics: Metrics, new_task: Callable[..., NewTask]
) -> None:
    await records.accept([new_task()])
    await Dispatcher(records, broker, client, metrics, max_in_flight=2, lease_s=0.05).run_once()
    await client.flushall()
    await asyncio.sleep(0.1)  # the lease expires
    recoveries = [JobRecovery(records, broker, DatabaseContact(0), lease_s=LEASE_S, max_recoveries=3) for _ in range(4)]

    reports = await asyncio.gather(*(recovery.run_once() for recovery in recoveries))

    assert sum(report.redriven for report in reports) == 1


async def test_nothing_is_recovered_before_the_database_was_reached_for_a_lease(
    records: Records, broker: Broker, client: redis.asyncio.Redis, metrics: Metrics, new_task: Callable[..., NewTask]
) -> None:
    """Given an expired job after an outage, when a recovery loop starts, it waits a full lease before recovering."""
    await records.accept([new_task()])
    await Dispatcher(records, broker, client, metrics, max_in_flight=2, lease_s=0.05).run_once()
    await client.flushall()
    await asyncio.sleep(0.1)  # the lease expires
    now = 100.0
    recovery = JobRecovery(records, broker, DatabaseContact(20, now=lambda: now), lease_s=LEASE_S, max_recoveries=3)
    recovered = []
    for _ in range(6):
        recovered.append((await recovery.run_once()).redriven)
        now += 4

    assert recovered == [0, 0, 0, 0, 0, 1]


async def test_a_session_is_not_swept_before_the_database_was_reached_for_a_lease(
    records: Records, broker: Broker, client: redis.asyncio.Redis, new_task: Callable[..., NewTask], tmp_path: Path
) -> None:
    new_task()
    recovery = JobRecovery(records, broker, DatabaseContact(20), lease_s=LEASE_S, max_recoveries=3)
    sweep = Sweep(
        recovery=recovery, records=records, client=client, scratch=FolderScratch(tmp_path),
        stuck_after_s=0, retention=Retention(records.retention, {}),
    )  # fmt: skip

    assert (await sweep.run_once()).failed == 0


async def test_a_session_without_a_job_is_swept_unless_its_task_is_still_in_a_list(
    records: Records, broker: Broker, client: redis.asyncio.Redis, new_task: Callable[..., NewTask], tmp_path: Path
) -> None:
    """Given a stuck session, it stays queued while its task is in the list, and is refunded otherwise."""
    task = new_task()
    recovery = JobRecovery(records, broker, DatabaseContact(0), lease_s=LEASE_S, max_recoveries=3)
    sweep = Sweep(
        recovery=recovery, records=records, client=client, scratch=FolderScratch(tmp_path),
        stuck_after_s=0, retention=Retention(records.retention, {}),
    )  # fmt: skip
    await client.lpush("wearon:tasks:generation", pushed(task))
    assert (await sweep.run_once()).failed == 0
    await client.delete("wearon:tasks:generation")

    report = await sweep.run_once()

    assert (report.failed, report.refunded) == (1, 1)
    assert (await sweep.run_once()).failed == 0


async def test_a_long_backlog_is_not_swept(
    records: Records, broker: Broker, client: redis.asyncio.Redis, new_task: Callable[..., NewTask], tmp_path: Path
) -> None:
    await records.accept([new_task() for _ in range(5)])
    recovery = JobRecovery(records, broker, DatabaseContact(0), lease_s=LEASE_S, max_recoveries=3)
    sweep = Sweep(
        recovery=recovery, records=records, client=client, scratch=FolderScratch(tmp_path),
        stuck_after_s=0, retention=Retention(records.retention, {}),
    )  # fmt: skip

    report = await sweep.run_once()

    assert (report.checked, report.failed) == (0, 0)
    assert len(await records.recent(state=JobState.WAITING)) == 5
