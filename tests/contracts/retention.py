"""What the deletion of old rows keeps, however the database is reached."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import psycopg

from providers.records.retention import DataKind
from schemas.common import JobState, Product
from schemas.delivery import DeliveryChannel, DeliveryKind, OutboxMessage
from schemas.records import DeadLetter, Replay, SettlementResult, Verdict
from tests.contracts.database_fixture import FAILURE, LEASE_S, World, avatar, tryon

if TYPE_CHECKING:
    from providers.records import Records
    from schemas.records import NewTask

PICTURES = {"pictures": [{"path": "generated/a/b.jpg", "url": None}]}
#: Older than any row of a test.
NOW = -1.0


async def ended(records: Records, *tasks: NewTask, fail: bool = False) -> None:
    """Run tasks to their end, published outcome included."""
    await records.accept(tasks)
    for row in await records.dispatch(limit=100, max_in_flight=100, lease_s=LEASE_S):
        if fail:
            await records.fail(row.task_id, FAILURE, token=row.token, lease_s=LEASE_S)
        else:
            await records.complete(row.task_id, row.token, outcome=PICTURES, session={}, images=[], deliveries=[])
        await records.outbox.enqueue(row.task_id, row.token, [])


async def prune(records: Records, kind: DataKind = DataKind.JOBS, *, limit: int = 100) -> int:
    return await records.retention.prune(kind, older_than_s=NOW, limit=limit)


class RetentionContract:
    async def test_a_pruned_task_or_session_that_is_pushed_again_is_a_duplicate(
        self, records: Records, world: World
    ) -> None:
        task, photo = world.task(), avatar(str(uuid.uuid4()))
        await ended(records, task, photo)
        assert await prune(records) == 2
        assert await records.job(task.task_id) is None
        world.connection.execute(
            "update generation_sessions set status = 'queued' where id::text = %s", [task.session_id]
        )
        again = tryon(task.owner_id, task.session_id)
        # The same task id with another session is a duplicate too.
        other = tryon(task.owner_id, world.session(task.owner_id), task_id=task.task_id)
        assert await records.accept([other]) == {task.task_id: Verdict.DUPLICATE}
        assert await records.accept([task, photo, again]) == {
            task.task_id: Verdict.DUPLICATE,
            photo.task_id: Verdict.DUPLICATE,
            again.task_id: Verdict.DUPLICATE,
        }
        assert await records.dispatch(limit=100, max_in_flight=100, lease_s=LEASE_S) == []
        assert await records.known_tasks([task.task_id, "other"]) == {task.task_id}

    async def test_a_pruned_session_is_refunded_no_second_time(self, records: Records, world: World) -> None:
        failed, completed = world.task(), world.task()
        await ended(records, failed, fail=True)
        await ended(records, completed)
        assert await prune(records) == 2
        assert world.balance(failed.owner_id) == 1
        world.connection.execute("update generation_sessions set status = 'queued'")
        assert await records.orphans(older_than_s=NOW) == []
        for task in (failed, completed):
            end = (Product.TRYON, "b2c", task.session_id, "again", "req_1")
            assert await records.fail_session(*end) == SettlementResult(moved=False, refunded=0)
            assert await records.replay(task.task_id) is Replay.NOT_ENDED
        assert (world.balance(failed.owner_id), world.balance(completed.owner_id)) == (1, 0)

    async def test_a_page_shows_the_picture_and_the_failure_of_pruned_jobs(
        self, records: Records, world: World
    ) -> None:
        user = world.user(0)
        completed, failed = world.task(user), world.task(user)
        await ended(records, completed)
        await ended(records, failed, fail=True)
        page: dict[str, Any] = {"channel": "b2c", "owner_id": user, "status": None, "limit": 10, "after": None}
        before = await records.orders.page(**page)
        assert await prune(records) == 2
        assert await records.orders.page(**page) == before
        assert {row.session_id: (row.picture_path, row.code) for row in before} == {
            completed.session_id: ("generated/a/b.jpg", None),
            failed.session_id: (None, FAILURE.code),
        }

    async def test_jobs_that_still_owe_something_are_kept(self, records: Records, world: World) -> None:
        """Waiting, running and unpublished jobs, and one with a due delivery, are kept whatever their age."""
        unpublished, running, waiting, due = (world.task() for _ in range(4))
        await records.accept([unpublished, running, due])
        rows = await records.dispatch(limit=100, max_in_flight=100, lease_s=LEASE_S)
        tokens = {row.task_id: row.token for row in rows}
        await records.accept([waiting])
        for task in (unpublished, due):
            await records.fail(task.task_id, FAILURE, token=tokens[task.task_id], lease_s=LEASE_S)
        message = OutboxMessage(kind=DeliveryKind.AUDIT, channel=DeliveryChannel.AUDIT, message={})
        await records.outbox.enqueue(due.task_id, tokens[due.task_id], [message])
        assert await prune(records) == 0
        assert {row.state for row in await records.recent()} == {JobState.WAITING, JobState.RUNNING, JobState.FAILED}
        (delivery,) = await records.outbox.claim(limit=10, lease_s=LEASE_S, task_id=due.task_id)
        await records.outbox.mark_dead(delivery, "gone", "It is gone.")
        assert await prune(records) == 1
        assert await records.outbox.retry_dead(delivery.id)
        (again,) = await records.outbox.claim(limit=10, lease_s=LEASE_S, task_id=due.task_id)
        assert again.session_id == due.session_id

    async def test_an_order_whose_job_was_pruned_is_not_lost(self, records: Records, world: World) -> None:
        task = world.task()
        await ended(records, task)
        world.connection.execute(
            "insert into darkroom_requests (task_id, client, fingerprint, product, channel, session_id, owner_id,"
            " request_id, answer) values (%s, 'test', '', 'tryon', 'b2c', %s, %s, 'req_1', '{}')",
            [task.task_id, task.session_id, task.owner_id],
        )
        assert await prune(records) == 1
        assert await records.orders.lost_orders(older_than_s=NOW) == []
        assert not (await records.orders.cancel_order(task.task_id, "lost")).ended
        assert await prune(records, DataKind.REQUESTS) == 1

    async def test_owed_refunds_and_orders_that_may_be_lost_are_kept(self, records: Records, world: World) -> None:
        letters = [
            DeadLetter(list=name, code="x", reason="x", payload="{}") for name in ("darkroom:refunds", "darkroom:other")
        ]
        await records.add_dead_letters(letters)
        assert await prune(records, DataKind.DEAD_LETTERS) == 1
        assert [letter.list for letter in await records.dead_letters()] == ["darkroom:refunds"]
        world.connection.execute(
            "insert into darkroom_requests (task_id, client, fingerprint, product, channel, session_id, owner_id,"
            " request_id, answer) values ('t', 'test', '', 'tryon', 'b2c', 's', 'u', 'req_1', '{}')"
        )
        assert await prune(records, DataKind.REQUESTS) == 0
        world.connection.execute("delete from darkroom_requests")

    async def test_only_old_rows_are_deleted_the_oldest_first(self, records: Records, world: World) -> None:
        first, second, third = (world.task() for _ in range(3))
        for task in (first, second, third):
            await ended(records, task)
        assert await records.retention.prune(DataKind.JOBS, older_than_s=3600, limit=100) == 0
        assert await records.retention.prunable(DataKind.JOBS, older_than_s=NOW, limit=100) == 3
        assert await records.retention.prunable(DataKind.JOBS, older_than_s=NOW, limit=2) == 2
        assert await prune(records, limit=2) == 2
        assert [row.task_id for row in await records.recent()] == [third.task_id]

    async def test_rows_that_others_lock_are_left_for_the_next_time(self, records: Records, world: World) -> None:
        tasks = [world.task() for _ in range(3)]
        await ended(records, *tasks)
        address = psycopg.conninfo.make_conninfo(**world.connection.info.get_parameters())
        async with await psycopg.AsyncConnection.connect(address) as other:
            await other.execute("select from darkroom_jobs where task_id = %s for update", [tasks[0].task_id])
            assert await asyncio.wait_for(prune(records), timeout=30) == 2
        assert await prune(records) == 1

    async def test_other_kinds_are_deleted_by_age(self, records: Records, world: World) -> None:
        world.connection.execute(
            "insert into darkroom_size_feedback (nonce, store_id, chart, size, shift_cm, outcome)"
            " values ('n', 's', 'c', 'M', 0, 'kept')"
        )
        for kind, number in ((DataKind.SIZE_FEEDBACK, 1), (DataKind.AUDIT, 0), (DataKind.DELIVERIES, 0)):
            assert await records.retention.prune(kind, older_than_s=3600, limit=100) == 0
            assert await prune(records, kind) == number
