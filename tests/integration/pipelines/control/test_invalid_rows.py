"""A row that this version can't use harms no other row."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from pipelines.control.database_contact import DatabaseContact
from pipelines.control.dispatcher import Dispatcher
from pipelines.control.recovery import JobRecovery
from pipelines.control.retention import Retention
from pipelines.control.sweep import Sweep
from providers.scratch.folder import FolderScratch
from schemas.common import JobState
from tests.integration.pipelines.engine.dramatiq_redis.test_broker import take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import redis.asyncio

    from pipelines.engine.dramatiq_redis.broker import Broker
    from providers.metrics.recorder import Metrics
    from providers.records import Records
    from schemas.records import NewTask

UNUSABLE = [{}, {"version": 7}, [], "text", {"image_urls": 3}]


@dataclass
class Engine:
    """The loops under test, on a real Valkey and PostgreSQL."""

    records: Records
    broker: Broker
    client: redis.asyncio.Redis
    metrics: Metrics

    def dispatcher(self, lease_s: float) -> Dispatcher:
        return Dispatcher(self.records, self.broker, self.client, self.metrics, max_in_flight=9, lease_s=lease_s)

    def recovery(self, max_recoveries: int = 3) -> JobRecovery:
        return JobRecovery(self.records, self.broker, DatabaseContact(0), lease_s=60, max_recoveries=max_recoveries)

    def notified(self) -> Any:
        """Return the job in the message for `notify`."""
        return take(self.broker.consume("notify")).args[0]


@pytest.fixture
def engine(records: Records, broker: Broker, client: redis.asyncio.Redis, metrics: Metrics) -> Engine:
    return Engine(records, broker, client, metrics)


@pytest.fixture
def sql(database_url: str) -> Iterator[Callable[..., Any]]:
    """Runs an SQL statement."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection.execute
        connection.execute("delete from darkroom_jobs where product = 'hologram'")
        connection.execute("delete from darkroom_session_tables where product = 'hologram'")


@pytest.fixture
def unknown_product(sql: Callable[..., Any]) -> Callable[[str], None]:
    """Changes the product of a job to one that only a newer version knows."""

    def change(task_id: str) -> None:
        sql("alter table darkroom_jobs drop constraint if exists darkroom_jobs_product_check")
        sql("update darkroom_jobs set product = 'hologram' where task_id = %s", (task_id,))

    return change


@pytest.mark.parametrize("payload", UNUSABLE, ids=str)
async def test_an_unusable_payload_ends_its_job_and_the_others_start(
    engine: Engine, new_task: Callable[..., NewTask], sql: Callable[..., Any], payload: Any
) -> None:
    bad, good = new_task(), new_task()
    await engine.records.accept([bad, good])
    sql("update darkroom_jobs set payload = %s where task_id = %s", (json.dumps(payload), bad.task_id))

    await engine.dispatcher(60).run_once()

    rows = {row.task_id: row for row in await engine.records.recent()}
    assert rows[good.task_id].state is JobState.RUNNING
    assert rows[bad.task_id].state is JobState.FAILED
    assert (rows[bad.task_id].failure or {})["code"] == "invalid"
    assert sql("select count(*) from darkroom_ledger where session_id = %s", (bad.session_id,)).fetchone() == (1,)
    assert (engine.notified()["task_id"], engine.broker.client.llen("dramatiq:fetch")) == (bad.task_id, 1)


async def test_a_started_job_whose_payload_is_unusable_is_ended_at_its_recovery(
    engine: Engine, new_task: Callable[..., NewTask], sql: Callable[..., Any]
) -> None:
    bad, good = new_task(), new_task()
    await engine.records.accept([bad, good])
    await engine.dispatcher(0.05).run_once()
    await engine.client.flushall()
    sql("update darkroom_jobs set payload = '[]' where task_id = %s", (bad.task_id,))
    await asyncio.sleep(0.1)  # the leases run out

    report = await engine.recovery().run_once()

    assert (report.redriven, report.failed, report.refunded) == (1, 1, 1)
    assert engine.notified()["failure"]["code"] == "invalid"


async def test_a_job_that_ended_can_be_notified_without_its_payload(
    engine: Engine, new_task: Callable[..., NewTask], sql: Callable[..., Any]
) -> None:
    bad = new_task()
    await engine.records.accept([bad])
    sql("update darkroom_jobs set payload = '[]' where task_id = %s", (bad.task_id,))
    await engine.dispatcher(0.05).run_once()
    await engine.client.flushall()
    await asyncio.sleep(0.1)  # the lease runs out

    report = await engine.recovery().run_once()

    assert (report.redriven, engine.notified()["failure"]["code"]) == (1, "invalid")


@pytest.mark.parametrize("max_recoveries", [0, 3])
async def test_a_session_that_ended_before_its_dispatch_gets_its_terminal_event(
    engine: Engine, new_task: Callable[..., NewTask], sql: Callable[..., Any], max_recoveries: int
) -> None:
    """Given a session that failed while its job waited, the next recovery publishes the end, without recoveries too."""
    task = new_task()
    await engine.records.accept([task])
    sql("update generation_sessions set status = 'failed' where id = %s", (task.session_id,))
    assert await engine.dispatcher(60).run_once() == 0

    report = await engine.recovery(max_recoveries).run_once()

    assert (report.redriven, report.failed) == (1, 0)
    assert engine.notified()["failure"]["code"] == "session_ended"


async def test_jobs_of_an_unknown_product_are_left_alone(
    engine: Engine,
    new_task: Callable[..., NewTask],
    unknown_product: Callable[[str], None],
    sql: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Given jobs of a newer version's product, waiting and expired, then this version touches neither."""
    waiting, expired, known = new_task(), new_task(), new_task()
    await engine.records.accept([expired])
    dispatcher = engine.dispatcher(0.05)
    await dispatcher.run_once()
    unknown_product(expired.task_id)
    await engine.records.accept([waiting, known])
    unknown_product(waiting.task_id)
    sql("insert into darkroom_session_tables values ('hologram', 'b2c', 'generation_sessions', 'user_id')")
    await engine.client.flushall()
    await asyncio.sleep(0.1)  # the lease runs out
    recovery = engine.recovery()
    sweep = Sweep(
        recovery=recovery, records=engine.records, client=engine.client, scratch=FolderScratch(tmp_path),
        stuck_after_s=0, retention=Retention(engine.records.retention, {}),
    )  # fmt: skip

    assert await dispatcher.run_once() == 1
    await sweep.run_once()

    assert sql(
        "select state, token, recoveries from darkroom_jobs where product = 'hologram' order by seq"
    ).fetchall() == [("running", 1, 0), ("waiting", 0, 0)]
    assert (await engine.records.job(known.task_id)) is not None
    assert await engine.records.job(expired.task_id) is None


async def test_one_job_that_cannot_be_recovered_stops_no_other(
    engine: Engine, new_task: Callable[..., NewTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = new_task(), new_task()
    await engine.records.accept([bad, good])
    await engine.dispatcher(0.05).run_once()
    await engine.client.flushall()
    await asyncio.sleep(0.1)  # the leases run out
    recover = engine.records.workers.recover

    async def fails(task_id: str, *arguments: Any, **options: Any) -> Any:
        if task_id == bad.task_id:
            raise ZeroDivisionError
        return await recover(task_id, *arguments, **options)

    monkeypatch.setattr(engine.records.workers, "recover", fails)

    assert (await engine.recovery().run_once()).redriven == 1
