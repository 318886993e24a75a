"""Contract of the records. A test class per `Rpc` inherits this and provides the fixture `rpc`."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from providers.records import Records
from providers.records.base import DatabaseRefused, DatabaseUnavailable
from schemas.common import JobState, Product
from schemas.delivery import DeliveryChannel, DeliveryKind, OutboxMessage
from schemas.records import (
    Completion,
    CompletionResult,
    DeadLetter,
    Reopening,
    Replay,
    SettlementResult,
    Verdict,
)
from tests.contracts.database_fixture import FAILURE, LEASE_S, World, avatar, images, tryon
from tests.contracts.operators import OperatorContract
from tests.contracts.record_steps import NOTHING, complete, start
from tests.contracts.retention import RetentionContract
from tests.contracts.workers import ClaimingContract, LeasingContract, ReleasingContract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from providers.records import Rpc


@contextmanager
def refund_function(world: World, body: str) -> Iterator[None]:
    """Replace `refund_credits` by a function with this PL/pgSQL statement as its body."""
    world.connection.execute("alter function refund_credits rename to refund_credits_moved")
    world.connection.execute(
        "create function refund_credits(p_user_id text, p_amount integer, p_description text) returns boolean"
        f" language plpgsql as $$ begin {body}; end $$".encode()
    )
    try:
        yield
    finally:
        world.connection.execute("drop function refund_credits")
        world.connection.execute("alter function refund_credits_moved rename to refund_credits")


class AcceptingContract:
    async def test_a_task_is_accepted_once_and_stored_unchanged(self, records: Records, world: World) -> None:
        task = world.task()
        assert await records.accept([task]) == {task.task_id: Verdict.ACCEPTED}
        assert await records.accept([task]) == {task.task_id: Verdict.DUPLICATE}
        row = await records.job(task.task_id)
        assert row is not None
        assert (row.state, row.payload, row.owner_id) == (JobState.WAITING, task.payload, task.owner_id)

    async def test_every_task_of_a_batch_gets_its_own_result(self, records: Records, world: World) -> None:
        user = world.user(0)
        taken, repeated = world.task(user), world.task(user)
        await records.accept([repeated])
        second = tryon(user, taken.session_id)
        foreign = tryon(world.user(0), world.session(user))
        unknown = [tryon(user, str(uuid.uuid4())), tryon(user, "not-a-uuid"), tryon(user, "x' or true --")]
        ended = [tryon(user, world.session(user, status=status)) for status in ("completed", "failed")]
        pending = tryon(user, world.session(user, status="pending"))
        verdicts = await records.accept([taken, taken, second, repeated, foreign, *unknown, *ended, pending])
        assert verdicts == {
            taken.task_id: Verdict.ACCEPTED,
            second.task_id: Verdict.DUPLICATE,
            repeated.task_id: Verdict.DUPLICATE,
            foreign.task_id: Verdict.UNKNOWN_SESSION,
            **{task.task_id: Verdict.UNKNOWN_SESSION for task in unknown},
            **{task.task_id: Verdict.ENDED for task in ended},
            pending.task_id: Verdict.ACCEPTED,
        }

    async def test_a_task_without_a_session_table_needs_no_row(self, records: Records) -> None:
        task = avatar("user-1")
        assert await records.accept([task]) == {task.task_id: Verdict.ACCEPTED}

    async def test_the_same_task_submitted_20_times_concurrently_is_accepted_once(
        self, records: Records, world: World
    ) -> None:
        task = world.task()
        found = await asyncio.gather(*(records.accept([task]) for _ in range(20)))
        assert Counter(verdict for verdicts in found for verdict in verdicts.values()) == {
            Verdict.ACCEPTED: 1,
            Verdict.DUPLICATE: 19,
        }


class DispatchingContract:
    async def test_job_and_session_start_together(self, records: Records, world: World) -> None:
        task = world.task()
        (row,) = await start(records, task)
        assert (row.task_id, row.state, row.token) == (task.task_id, JobState.RUNNING, 1)
        assert world.status(task.session_id) == ("processing", None)

    async def test_no_more_jobs_run_than_the_limit_in_flight(self, records: Records, world: World) -> None:
        user = world.user(0)
        await records.accept([world.task(user) for _ in range(10)])
        found = await asyncio.gather(
            *(records.dispatch(limit=3, max_in_flight=5, lease_s=LEASE_S) for _ in range(5)),
        )
        assert sum(len(rows) for rows in found) == 5

    async def test_many_tasks_of_one_owner_do_not_delay_other_owners(self, records: Records, world: World) -> None:
        flood, small = world.user(0), world.user(0)
        await records.accept([world.task(flood) for _ in range(50)])
        await records.accept([world.task(small) for _ in range(2)])
        rows = await records.dispatch(limit=5, max_in_flight=100, lease_s=LEASE_S)
        assert [row.owner_id for row in rows].count(small) == 2

    async def test_a_job_whose_session_already_ended_ends_without_a_refund(
        self, records: Records, world: World
    ) -> None:
        task = world.task(price=2)
        await records.accept([task])
        world.connection.execute("update generation_sessions set status = 'failed'")
        assert await records.dispatch(limit=5, max_in_flight=100, lease_s=LEASE_S) == []
        row = await records.job(task.task_id)
        assert row is not None
        assert row.state is JobState.CANCELLED
        assert world.balance(task.owner_id) == 0
        # Its subscribers are still owed the end.
        assert [owed.task_id for owed in await records.workers.lost_jobs(lease_s=LEASE_S)] == [task.task_id]

    async def test_a_postponed_job_holds_back_neither_the_turns_of_others_nor_its_own(
        self, records: Records, world: World
    ) -> None:
        """Given a job that waits for a budget, the turns of others go on, and it is the next one once it is due."""
        (postponed,) = await start(records, world.task())
        assert await records.postpone(postponed.task_id, postponed.token, 3600, "later")
        assert await records.dispatch(limit=5, max_in_flight=100, lease_s=LEASE_S) == []
        flood = world.user(0)
        await records.accept([world.task(flood) for _ in range(6)])
        assert len(await records.dispatch(limit=4, max_in_flight=100, lease_s=LEASE_S)) == 4
        late = world.task()
        await records.accept([late])
        # Owners who come later start from where the flood is now, not from the turn of the postponed job.
        turns = "select (select turn from darkroom_jobs where task_id = %s) - min(turn) from darkroom_jobs"
        assert world.one(turns, late.task_id) == 0
        world.connection.execute(
            "update darkroom_jobs set not_before = now() - interval '1 s' where not_before > now()"
        )
        (due,) = await records.dispatch(limit=1, max_in_flight=100, lease_s=LEASE_S)
        assert (due.task_id, due.token > postponed.token) == (postponed.task_id, True)


class JournalContract:
    async def test_the_next_worker_reads_the_journal(self, records: Records, world: World) -> None:
        (row,) = await start(records, world.task())
        assert await records.journal(
            row.task_id, row.token, ["generate", "0"], {"seen": [1, None, "ü"]}, provider_job_id="p1", spent_usd=0.25
        )
        assert not await records.journal(row.task_id, row.token + 1, ["generate", "1"], "late")
        found = await records.job(row.task_id)
        assert found is not None
        assert (found.journal, found.provider_job_id, found.spent_usd) == (
            {"generate": {"0": {"seen": [1, None, "ü"]}}, "spent": {"generate/0": 0.25}},
            "p1",
            0.25,
        )


class OutcomeContract:
    async def test_the_deliveries_are_stored_with_the_completion_once(self, records: Records, world: World) -> None:
        await records.outbox.webhook(owner := world.user(0), "set", "https://shop.example/hook")
        (row,) = await start(records, world.task(owner))
        message = OutboxMessage(kind=DeliveryKind.RESULT, channel=DeliveryChannel.WEBHOOK, message={"type": "x"})
        found = [
            await records.complete(row.task_id, row.token, outcome={}, session={}, images=[], deliveries=[message])
            for _ in range(2)
        ]
        assert found == [CompletionResult(completion=Completion.COMPLETED, deliveries=n) for n in (1, 0)]
        assert len(await records.outbox.for_task(row.task_id)) == 1
        assert await records.outbox.enqueue(row.task_id, row.token, [message]) == 0

    async def test_result_session_and_state_change_together(self, records: Records, world: World) -> None:
        task = world.task()
        (row,) = await start(records, task)
        done = await complete(
            records, row, generated_image_url="https://x/1", input_tokens=3, estimated_cost_usd=0.0421
        )
        assert done is Completion.COMPLETED
        assert await complete(records, row) is Completion.COMPLETED
        found = world.connection.execute(
            "select status, generated_image_url, input_tokens, estimated_cost_usd::float8, completed_at is not null"
            " from generation_sessions"
        ).fetchone()
        assert found == ("completed", "https://x/1", 3, 0.0421, True)

    async def test_a_batch_updates_its_picture_rows_and_its_progress(self, records: Records, world: World) -> None:
        workspace = str(uuid.uuid4())
        task = images(workspace, world.image_job(workspace))
        (row,) = await start(records, task)
        assert await records.session_progress(row.task_id, row.token, 50)
        await records.complete(
            row.task_id,
            row.token,
            outcome={},
            session={"progress": 100, "result_urls": ["https://x/1", "https://x/2"]},
            images=[
                {"workspace_id": workspace, "generation_job_id": task.session_id, "filename": f"{n}.jpg", "width": 10}
                for n in (1, 2)
            ],
            deliveries=[],
        )
        assert world.one("select result_urls from image_generation_jobs") == ["https://x/1", "https://x/2"]
        assert world.one("select progress from image_generation_jobs") == 100
        assert world.one("select count(*) from images where generation_job_id = %s", task.session_id) == 2

    async def test_a_failure_refunds_the_charged_credits_once(self, records: Records, world: World) -> None:
        task = world.task(price=3)
        (row,) = await start(records, task)
        found = await asyncio.gather(*(records.fail(row.task_id, FAILURE, lease_s=LEASE_S) for _ in range(20)))
        assert Counter(found) == {SettlementResult(moved=True, refunded=3): 1, NOTHING: 19}
        assert world.balance(task.owner_id) == 3
        assert world.refunds() == 1
        assert world.status(task.session_id) == ("failed", FAILURE.message)

    async def test_a_shopper_and_a_store_may_use_the_same_session_id(self, records: Records, world: World) -> None:
        """Given one id in two channels, both tasks run, and each failure refunds its own payer once."""
        user, store = world.user(0), world.store(5)
        shared = world.session(user, price=3)
        world.connection.execute(
            "update store_generation_sessions set id = %s where id = %s",
            [shared, world.store_session(store, price=2)],
        )
        rows = await start(records, tryon(user, shared), tryon(store, shared, channel="b2b"))
        assert {(row.channel, row.price) for row in rows} == {("b2c", 3), ("b2b", 2)}
        for row in rows:
            assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(
                moved=True, refunded=row.price
            )
        assert (world.balance(user), world.one("select balance from store_credits")) == (3, 5)
        assert {await records.replay(row.task_id) for row in rows} == {Replay.REPLAYED}
        assert (world.balance(user), world.one("select balance from store_credits")) == (0, 3)

    async def test_a_session_whose_id_has_a_job_in_another_channel_can_be_ended(
        self, records: Records, world: World
    ) -> None:
        user, store = world.user(0), world.store(5)
        task = tryon(store, world.store_session(store), channel="b2b")
        await records.accept([task])
        world.connection.execute(
            "update generation_sessions set id = %s where id = %s", [task.session_id, world.session(user, price=2)]
        )
        (orphan,) = await records.orphans(older_than_s=0)
        assert (orphan.channel, orphan.session_id) == ("b2c", task.session_id)
        settled = await records.fail_session(orphan.product, orphan.channel, orphan.session_id, "Stuck", "sweep")
        assert (settled.refunded, world.balance(user)) == (2, 2)

    async def test_a_store_gets_its_credits_back(self, records: Records, world: World) -> None:
        store = world.store(5)
        (row,) = await start(records, tryon(store, world.store_session(store, price=2), channel="b2b"))
        assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(moved=True, refunded=2)
        assert world.one("select balance from store_credits") == 5
        reference = world.one("select request_id from store_credit_transactions where amount > 0")
        assert reference == f"tryon:b2b:{row.session_id}:1:refund"

    async def test_a_waiting_job_can_be_cancelled(self, records: Records, world: World) -> None:
        task = world.task()
        await records.accept([task])
        ended = await records.fail(task.task_id, FAILURE, state=JobState.CANCELLED, lease_s=LEASE_S)
        assert ended == SettlementResult(moved=True, refunded=1)
        assert await records.dispatch(limit=5, max_in_flight=5, lease_s=LEASE_S) == []

    async def test_completion_and_failure_exclude_each_other(self, records: Records, world: World) -> None:
        rows = await start(records, *[world.task() for _ in range(20)])
        for row in rows:
            done, ended = await asyncio.gather(
                complete(records, row), records.fail(row.task_id, FAILURE, lease_s=LEASE_S)
            )
            assert (done is Completion.COMPLETED) is not ended.moved
            status, _ = world.status(row.session_id)
            assert (status, world.balance(row.owner_id)) == (("failed", 1) if ended.moved else ("completed", 0))

    async def test_the_processing_time_is_measured_by_the_database_clock(self, records: Records, world: World) -> None:
        (row,) = await start(records, world.task())
        world.connection.execute("update darkroom_jobs set dispatched_at = now() - interval '1 hour'")
        assert await complete(records, row) is Completion.COMPLETED
        took_ms = "extract(epoch from j.finished_at - j.dispatched_at) * 1000"
        query = f"select s.processing_time_ms = round({took_ms}) from generation_sessions s, darkroom_jobs j"
        assert world.one(query) is True

    async def test_a_session_that_already_ended_is_neither_completed_nor_refunded(
        self, records: Records, world: World
    ) -> None:
        task = world.task()
        (row,) = await start(records, task)
        world.connection.execute("update generation_sessions set status = 'failed', error_message = 'by hand'")
        # The reply to the first call may be lost.
        assert [await complete(records, row) for _ in range(2)] == [Completion.ENDED] * 2
        assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == NOTHING
        assert (world.status(task.session_id), world.balance(task.owner_id)) == (("failed", "by hand"), 0)


class MoneyContract:
    async def test_exactly_10_of_20_deductions_fit_a_balance_of_10(self, rpc: Rpc, world: World) -> None:
        user = world.user(10)
        paid = await asyncio.gather(*(self._charge(rpc, user, f"session-{n}") for n in range(20)))
        assert (paid.count(True), world.balance(user)) == (10, 0)

    async def test_a_repeated_charge_is_charged_once(self, rpc: Rpc, world: World) -> None:
        user = world.user(10)
        assert await asyncio.gather(*(self._charge(rpc, user, "session-1") for _ in range(10))) == [True] * 10
        assert world.balance(user) == 9

    async def test_a_replay_is_charged_and_refunded_again(self, records: Records, world: World) -> None:
        user = world.user(2)
        task = world.task(user, price=2)
        (row,) = await start(records, task)
        await records.fail(row.task_id, FAILURE, lease_s=LEASE_S)
        assert world.balance(user) == 4
        replayed = await asyncio.gather(*(records.replay(task.task_id) for _ in range(5)))
        assert Counter(replayed) == {Replay.REPLAYED: 1, Replay.NOT_ENDED: 4}
        assert (world.balance(user), world.status(task.session_id)) == (2, ("queued", None))
        (again,) = await records.dispatch(limit=5, max_in_flight=5, lease_s=LEASE_S)
        assert again.run == 2
        await records.fail(again.task_id, FAILURE, lease_s=LEASE_S)
        assert world.balance(user) == 4

    async def test_a_store_can_replay_and_cancel_without_ledger_entries(self, records: Records, world: World) -> None:
        store = world.store(5)
        tasks = [tryon(store, world.store_session(store, request_id=f"req_{n}"), channel="b2b") for n in range(2)]
        for row in await start(records, *tasks):
            assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(moved=True, refunded=1)
            assert await records.replay(row.task_id) is Replay.REPLAYED
            assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(moved=True, refunded=1)
        assert world.one("select balance from store_credits") == 5

    async def test_a_price_that_a_user_raises_later_is_not_refunded(self, records: Records, world: World) -> None:
        waiting, running = world.task(price=2), world.task(price=2)
        await start(records, running)
        await records.accept([waiting])
        world.connection.execute("update generation_sessions set credits_used = 1000")
        for task in (waiting, running):
            assert await records.fail(task.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(
                moved=True, refunded=2
            )

    async def test_a_charge_missing_in_our_ledger_is_refunded_up_to_the_limit(self, rpc: Rpc, world: World) -> None:
        task, user = world.task(price=1000), world.user(0)
        lost = world.session(user, price=1000)
        records = Records(rpc)
        await records.accept([task])
        assert (await records.fail(task.task_id, FAILURE, lease_s=LEASE_S)).refunded == 1
        assert (await records.fail_session(Product.TRYON, "b2c", lost, "lost", "sweep")).refunded == 1
        assert (world.balance(task.owner_id), world.balance(user)) == (1, 1)

    async def test_a_refused_refund_ends_the_job_and_stays_owed(self, rpc: Rpc, records: Records, world: World) -> None:
        task = world.task(price=2)
        (row,) = await start(records, task)
        world.connection.execute("alter function refund_credits rename to refund_credits_moved")
        try:
            assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(moved=True, refunded=0)
        finally:
            world.connection.execute("alter function refund_credits_moved rename to refund_credits")
        (letter,) = await records.dead_letters()
        assert (letter.list, letter.code, letter.session_id) == ("darkroom:refunds", "refund_refused", row.session_id)
        paid = await asyncio.gather(*(rpc.call("darkroom_retry_refund", p_letter_id=letter.id) for _ in range(5)))
        assert (sum(paid), world.balance(task.owner_id), await records.dead_letters()) == (2, 2, [])

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("raise no_data_found", "P0002"),
            ("raise sqlstate '45000'", "45000"),
            ("assert false", "P0004"),
            ("return false", "P0001: refund_credits returned false"),
        ],
    )
    async def test_any_error_of_a_refund_function_ends_the_job_and_the_refund_stays_owed(
        self, rpc: Rpc, records: Records, world: World, body: str, reason: str
    ) -> None:
        task = world.task(price=2)
        (row,) = await start(records, task)
        with refund_function(world, body):
            assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(moved=True, refunded=0)
        (letter,) = await records.dead_letters()
        assert (letter.code, letter.reason[: len(reason)]) == ("refund_refused", reason)
        assert await rpc.call("darkroom_retry_refund", p_letter_id=letter.id) == 2
        assert world.balance(task.owner_id) == 2

    async def test_a_refund_interrupted_by_an_outage_is_retried(self, records: Records, world: World) -> None:
        task = world.task(price=2)
        (row,) = await start(records, task)
        with refund_function(world, "raise sqlstate '53100'"), pytest.raises((DatabaseUnavailable, DatabaseRefused)):
            await records.fail(row.task_id, FAILURE, lease_s=LEASE_S)
        assert await records.dead_letters() == []
        assert (await records.fail(row.task_id, FAILURE, lease_s=LEASE_S)).refunded == 2

    async def test_a_replay_does_not_wait_for_an_earlier_delay(self, records: Records, world: World) -> None:
        task = world.task(world.user(5))
        await start(records, task)
        await records.fail(task.task_id, FAILURE, lease_s=LEASE_S)
        world.connection.execute("update darkroom_jobs set not_before = now() + interval '1 hour'")
        assert await records.replay(task.task_id) is Replay.REPLAYED
        assert [row.task_id for row in await records.dispatch(limit=5, max_in_flight=5, lease_s=LEASE_S)] == [
            task.task_id
        ]

    async def test_a_replay_without_credits_changes_nothing(self, records: Records, world: World) -> None:
        task = world.task(price=2)
        (row,) = await start(records, task)
        await records.fail(row.task_id, FAILURE, lease_s=LEASE_S)
        world.connection.execute("update user_credits set balance = 1")
        assert await records.replay(task.task_id) is Replay.NO_CREDITS
        assert (world.balance(task.owner_id), world.status(task.session_id)[0]) == (1, "failed")

    async def test_a_session_that_already_completed_is_not_charged_again(self, records: Records, world: World) -> None:
        task = world.task(world.user(5))
        await records.accept([task])
        world.connection.execute("update generation_sessions set status = 'completed'")
        assert await records.dispatch(limit=5, max_in_flight=5, lease_s=LEASE_S) == []
        assert await records.replay(task.task_id) is Replay.NOT_ENDED
        assert world.balance(task.owner_id) == 5

    async def test_a_free_avatar_task_is_replayed_free_of_charge(self, records: Records) -> None:
        (row,) = await start(records, avatar("user-1"))
        assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(moved=True, refunded=0)
        assert await records.replay(row.task_id) is Replay.REPLAYED

    async def _charge(self, rpc: Rpc, user: str, session_id: str) -> bool:
        paid = await rpc.call(
            "darkroom_charge",
            p_product="tryon",
            p_channel="b2c",
            p_session_id=session_id,
            p_owner_id=user,
            p_user_id=user,
            p_request_id="req_1",
            p_run=1,
            p_amount=1,
            p_reason="Generation",
        )
        return bool(paid)


class LostTaskContract:
    async def test_a_dead_letter_fails_and_refunds_its_session_once(self, records: Records, world: World) -> None:
        user = world.user(0)
        letter = DeadLetter(
            list="wearon:tasks:generation",
            code="too_large",
            reason="too large",
            payload="{}",
            product=Product.TRYON,
            channel="b2c",
            session_id=world.session(user, price=2),
            owner_id=user,
            request_id="req_1",
            message="The task was not valid.",
        )
        foreign = letter.model_copy(update={"owner_id": world.user(0)})
        assert await records.add_dead_letters([foreign]) == 0
        assert await records.drop_dead_letter((await records.dead_letters())[0].id)
        assert await records.add_dead_letters([letter, letter]) == 2
        assert world.balance(user) == 2
        kept = await records.dead_letters()
        assert [item.code for item in kept] == ["too_large", "too_large"]
        assert await records.drop_dead_letter(kept[0].id)
        assert not await records.drop_dead_letter(kept[0].id)

    async def test_replaying_a_dead_letter_of_a_refunded_session_charges_again(
        self, records: Records, world: World
    ) -> None:
        user = world.user(0)
        task = tryon(user, world.session(user, price=2))
        letter = DeadLetter(
            list="wearon:tasks:generation",
            code="unknown_version",
            reason="version 2",
            payload="{}",
            product=task.product,
            channel=task.channel,
            session_id=task.session_id,
            owner_id=user,
            message="The task was not valid.",
        )
        assert await records.add_dead_letters([letter]) == 2
        kept = (await records.dead_letters())[0].id
        world.connection.execute("update user_credits set balance = 1")
        assert await records.reopen_letter(kept) is Reopening.NO_CREDITS
        assert world.status(task.session_id) == ("failed", "The task was not valid.")
        world.connection.execute("update user_credits set balance = 2")
        for _ in range(2):
            assert await records.reopen_letter(kept) is Reopening.READY
            assert (world.balance(user), world.status(task.session_id)) == (0, ("queued", None))
        (row,) = await start(records, task)
        assert (row.run, row.price) == (2, 2)
        assert (await records.fail(row.task_id, FAILURE, lease_s=LEASE_S)).refunded == 2
        assert await records.reopen_letter(kept) is Reopening.ENDED
        assert world.balance(user) == 2

    async def test_replaying_a_dead_letter_with_an_owed_refund_is_not_free(
        self, records: Records, world: World
    ) -> None:
        user = world.user(0)
        task = tryon(user, world.session(user, price=2))
        letter = DeadLetter(
            list="wearon:tasks:generation",
            code="unknown_version",
            reason="version 2",
            payload="{}",
            product=task.product,
            channel=task.channel,
            session_id=task.session_id,
            owner_id=user,
            message="The task was not valid.",
        )
        with refund_function(world, "return false"):
            assert await records.add_dead_letters([letter]) == 0
        kept = {item.list: item.id for item in await records.dead_letters()}
        assert await records.reopen_letter(kept[letter.list]) is Reopening.REFUND_OWED
        assert world.status(task.session_id)[0] == "failed"
        assert await records.retry_refund(kept["darkroom:refunds"]) == 2
        assert await records.reopen_letter(kept[letter.list]) is Reopening.READY
        assert world.balance(user) == 0

    async def test_a_dead_letter_stored_twice_is_kept_once(self, records: Records) -> None:
        letters = [
            DeadLetter(list="ava:tasks:photo", code="not_json", reason="no", payload="x", letter_key=f"batch:{n}")
            for n in range(3)
        ]
        for _ in range(2):
            await records.add_dead_letters(letters)
        assert sorted(kept.letter_key or "" for kept in await records.dead_letters()) == [
            "batch:0",
            "batch:1",
            "batch:2",
        ]

    async def test_dead_letters_of_several_owners_never_deadlock(self, records: Records, world: World) -> None:
        for _ in range(10):
            users = [world.user(0), world.user(0)]
            letters = [
                [
                    DeadLetter(
                        list="wearon:tasks:generation",
                        code="invalid",
                        reason="invalid",
                        payload="{}",
                        product=Product.TRYON,
                        channel="b2c",
                        session_id=world.session(user),
                        owner_id=user,
                        message="The task was not valid.",
                    )
                    for user in order
                    for _ in range(10)
                ]
                for order in (users, users[::-1])
            ]
            assert await asyncio.gather(*(records.add_dead_letters(batch) for batch in letters)) == [20, 20]

    async def test_sessions_without_a_job_are_found_and_ended(self, records: Records, world: World) -> None:
        lost = world.session(world.user(0), price=2)
        known = world.task()
        await records.accept([known])
        assert await records.orphans(older_than_s=3600) == []
        (orphan,) = await records.orphans(older_than_s=0)
        assert orphan.session_id == lost
        end = (orphan.product, orphan.channel, orphan.session_id, "It did not complete.", "req_1")
        assert await records.fail_session(*end) == SettlementResult(moved=True, refunded=2)
        assert await records.fail_session(*end) == NOTHING
        assert await records.fail_session(Product.TRYON, "b2c", known.session_id, "no", "req_1") == NOTHING

    async def test_jobs_are_found_by_session_and_by_state_and_counted(self, records: Records, world: World) -> None:
        task = world.task()
        (row,) = await start(records, task)
        await records.accept([world.task()])
        assert [found.task_id for found in await records.jobs_of_session(task.session_id)] == [row.task_id]
        assert [found.task_id for found in await records.recent(state=JobState.RUNNING)] == [row.task_id]
        assert len(await records.recent()) == 2
        counts = await records.job_counts()
        assert (counts["running"], counts["waiting"]) == (1, 1)
        assert counts["oldest_waiting_s"] >= 0
        assert await records.job("nobody") is None


class RefusalContract:
    async def test_a_missing_function_names_the_migration_to_apply(self, records: Records, world: World) -> None:
        world.connection.execute("alter function darkroom_job_counts rename to darkroom_moved")
        try:
            with pytest.raises(DatabaseRefused, match=r"manage.py migrate` \(functions/reading.sql\)") as refused:
                await records.job_counts()
        finally:
            world.connection.execute("alter function darkroom_moved rename to darkroom_job_counts")
        assert refused.value.error_code == "function_missing"

    async def test_a_value_of_the_wrong_type_is_refused_and_not_retried(self, rpc: Rpc) -> None:
        with pytest.raises(DatabaseRefused) as refused:
            await rpc.call("darkroom_lost_jobs", p_limit="many", p_lease_s=1)
        assert not refused.value.retryable


class RecordsContract(
    AcceptingContract,
    DispatchingContract,
    ClaimingContract,
    LeasingContract,
    ReleasingContract,
    JournalContract,
    OutcomeContract,
    MoneyContract,
    LostTaskContract,
    RefusalContract,
    OperatorContract,
    RetentionContract,
):
    """All of it."""
