"""Contract of the outbox's records. A test class per `Rpc` inherits this and provides the fixture `database`."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from providers.records.retention import DataKind
from schemas.delivery import DeliveryChannel, DeliveryKind, OutboxMessage
from schemas.job import Failure

if TYPE_CHECKING:
    import psycopg

    from providers.records import Records
    from schemas.delivery import Delivery

LEASE_S = 60.0
FAILURE = Failure(code="server_error", message="A plain sentence.")


def photo(user_id: str) -> OutboxMessage:
    message = {"user_id": user_id, "avatar_id": None, "url": "https://files.example/p.jpg?s=1"}
    return OutboxMessage(kind=DeliveryKind.PHOTO, channel=DeliveryChannel.WEB, message=message)


def result() -> OutboxMessage:
    return OutboxMessage(
        kind=DeliveryKind.RESULT, channel=DeliveryChannel.WEBHOOK, message={"type": "generation.completed"}
    )


class DeliveryDatabase:
    """Creates finished jobs, and reads their deliveries."""

    def __init__(self, connection: psycopg.Connection[Any], records: Records) -> None:
        self.connection = connection
        self.records = records
        self.deliveries = records.outbox

    def empty(self) -> None:
        self.connection.execute(
            "truncate darkroom_jobs, darkroom_dispatched, darkroom_deliveries, darkroom_webhooks,"
            " darkroom_dead_letters, messages, audit_log, user_preferences, image_generation_jobs cascade"
        )

    def one(self, query: str, *values: object) -> Any:
        row = self.connection.execute(query.encode(), values).fetchone()
        return row[0] if row else None

    def user(self) -> str:
        return str(uuid.uuid4())

    def ended_job(self, owner_id: str | None = None, *, state: str = "completed") -> str:
        task_id, owner_id = str(uuid.uuid4()), owner_id or self.user()
        self.connection.execute(
            "insert into darkroom_jobs (task_id, product, session_id, owner_id, user_id, channel, request_id, payload,"
            " state, token) values (%s, 'avatar', %s, %s, %s, 'web', 'req_1', '{}', %s, 3)",
            [task_id, task_id, owner_id, owner_id, state],
        )
        self.connection.execute("insert into darkroom_dispatched (task_id, token) values (%s, 3)", [task_id])
        return task_id

    async def claimed(self, user_id: str | None = None) -> Delivery:
        """Return a claimed delivery of a photo to the web chat."""
        user_id = user_id or self.user()
        task_id = self.ended_job(user_id)
        assert await self.deliveries.enqueue(task_id, 3, [photo(user_id)]) == 1
        (found,) = await self.deliveries.claim(limit=10, lease_s=LEASE_S, task_id=task_id)
        assert found.session_id == task_id
        return found

    def state(self, delivery: Delivery) -> tuple[str, int, str | None]:
        row = self.connection.execute(
            "select state, attempts, code from darkroom_deliveries where id = %s", [delivery.id]
        ).fetchone()
        assert row is not None
        return row[0], row[1], row[2]

    def expire_claims(self) -> None:
        self.connection.execute("update darkroom_deliveries set next_at = now() - interval '1 second'")


class DeliveriesContract:
    async def test_the_job_is_released_when_the_deliveries_are_enqueued(self, database: DeliveryDatabase) -> None:
        task_id = database.ended_job()
        assert await database.deliveries.enqueue(task_id, 3, [photo("u1")]) == 1
        assert database.one("select count(*) from darkroom_dispatched where task_id = %s", task_id) == 0
        (found,) = await database.deliveries.for_task(task_id)
        assert (found.kind, found.channel, found.state, found.run) == (
            DeliveryKind.PHOTO,
            DeliveryChannel.WEB,
            "due",
            1,
        )

    async def test_a_delivery_enqueued_twice_is_sent_once(self, database: DeliveryDatabase) -> None:
        task_id = database.ended_job()
        enqueued = [await database.deliveries.enqueue(task_id, 3, [photo("u1")]) for _ in range(2)]
        assert enqueued == [1, 0]
        assert len(await database.deliveries.for_task(task_id)) == 1

    async def test_an_older_token_enqueues_nothing(self, database: DeliveryDatabase) -> None:
        task_id = database.ended_job()
        assert await database.deliveries.enqueue(task_id, 2, [photo("u1")]) == 0
        assert await database.deliveries.for_task(task_id) == []

    async def test_a_running_job_enqueues_nothing(self, database: DeliveryDatabase) -> None:
        task_id = database.ended_job(state="running")
        assert await database.deliveries.enqueue(task_id, 3, [photo("u1")]) == 0

    async def test_a_result_is_enqueued_for_owners_with_an_active_webhook(self, database: DeliveryDatabase) -> None:
        owner = database.user()
        assert await database.deliveries.enqueue(database.ended_job(owner), 3, [result()]) == 0
        await database.deliveries.webhook(owner, "set", "https://shop.example/hook")
        assert await database.deliveries.enqueue(database.ended_job(owner), 3, [result()]) == 1
        await database.deliveries.webhook(owner, "disable")
        assert await database.deliveries.enqueue(database.ended_job(owner), 3, [result()]) == 0

    async def test_concurrent_dispatchers_claim_each_delivery_once(self, database: DeliveryDatabase) -> None:
        for _ in range(30):
            await database.deliveries.enqueue(database.ended_job(), 3, [photo("u1")])
        claims = await asyncio.gather(*(database.deliveries.claim(limit=5, lease_s=LEASE_S) for _ in range(8)))
        ids = [item.id for claim in claims for item in claim]
        assert len(ids) == len(set(ids)) == 30

    async def test_an_expired_claim_is_taken_over_and_fences_the_first_claimant(
        self, database: DeliveryDatabase
    ) -> None:
        first = await database.claimed()
        database.expire_claims()
        (second,) = await database.deliveries.claim(limit=10, lease_s=LEASE_S)
        assert (second.id, second.interrupted) == (first.id, False)
        assert not await database.deliveries.mark_sending(first)
        assert not await database.deliveries.write_row(first, "messages", {"user_id": "u", "content": "x"})
        assert not await database.deliveries.mark_sent(first)
        assert not await database.deliveries.reschedule(first, "x", 1)
        assert not await database.deliveries.mark_dead(first, "x", "x")
        assert await database.deliveries.mark_sent(second)

    async def test_an_attempt_interrupted_while_sending_is_marked(self, database: DeliveryDatabase) -> None:
        first = await database.claimed()
        assert await database.deliveries.mark_sending(first)
        database.expire_claims()
        (second,) = await database.deliveries.claim(limit=10, lease_s=LEASE_S)
        assert second.interrupted

    async def test_a_retry_is_delayed_and_counted(self, database: DeliveryDatabase) -> None:
        delivery = await database.claimed()
        assert await database.deliveries.reschedule(delivery, "unreachable", 30)
        assert database.state(delivery) == ("due", 1, "unreachable")
        assert await database.deliveries.claim(limit=10, lease_s=LEASE_S) == []
        database.expire_claims()
        (later,) = await database.deliveries.claim(limit=10, lease_s=LEASE_S)
        assert (later.attempts, later.interrupted) == (1, False)

    async def test_a_dead_delivery_is_a_dead_letter_without_its_text(self, database: DeliveryDatabase) -> None:
        delivery = await database.claimed()
        assert await database.deliveries.mark_dead(delivery, "window_closed", "WhatsApp refused with code 131047")
        (letter,) = await database.records.dead_letters()
        assert (letter.list, letter.code, letter.task_id) == ("darkroom:deliveries", "window_closed", delivery.task_id)
        assert f'"delivery": {delivery.id}' in letter.payload
        assert "files.example" not in letter.payload

    async def test_a_dead_delivery_can_be_retried_once(self, database: DeliveryDatabase) -> None:
        delivery = await database.claimed()
        assert not await database.deliveries.retry_dead(delivery.id)
        await database.deliveries.mark_dead(delivery, "x", "x")
        assert [await database.deliveries.retry_dead(delivery.id) for _ in range(2)] == [True, False]
        (again,) = await database.deliveries.claim(limit=10, lease_s=LEASE_S)
        assert again.attempts == 0

    async def test_a_row_and_its_delivery_are_written_once_together(self, database: DeliveryDatabase) -> None:
        user = database.user()
        delivery = await database.claimed(user)
        row = {"user_id": user, "avatar_id": None, "channel": "web", "role": "assistant", "content": "x" * 500}
        assert await database.deliveries.write_row(delivery, "messages", row)
        assert not await database.deliveries.write_row(delivery, "messages", row)
        assert not await database.deliveries.reschedule(delivery, "database_unavailable", 0)
        assert database.state(delivery)[0] == "sent"
        assert database.one("select content from messages where user_id = %s", user) == "x" * 500
        assert database.one("select count(*) from messages") == 1

    async def test_a_refused_row_leaves_the_delivery_unsettled(self, database: DeliveryDatabase) -> None:
        from providers.records.base import DatabaseRefused  # noqa: PLC0415  beside its only use

        delivery = await database.claimed()
        with pytest.raises(DatabaseRefused):
            await database.deliveries.write_row(delivery, "messages", {"no_such_column": 1})
        assert database.state(delivery)[0] == "claimed"

    async def test_a_secret_is_rotated_by_number(self, database: DeliveryDatabase) -> None:
        assert await database.deliveries.webhook("shop-1") is None
        first = await database.deliveries.webhook("shop-1", "set", "https://shop.example/1")
        second = await database.deliveries.webhook("shop-1", "rotate")
        moved = await database.deliveries.webhook("shop-1", "set", "https://shop.example/2")
        assert first is not None
        assert second is not None
        assert moved is not None
        assert (first.version, second.version, moved.version) == (1, 2, 2)
        assert (first.rotated_at, second.rotated_at is None, moved.url) == (None, False, "https://shop.example/2")
        assert await database.deliveries.webhook("shop-1", "drop") is None

    async def test_setting_a_webhook_again_reactivates_it(self, database: DeliveryDatabase) -> None:
        await database.deliveries.webhook("shop-1", "set", "https://shop.example/1")
        gone = await database.deliveries.webhook("shop-1", "disable")
        back = await database.deliveries.webhook("shop-1", "set", "https://shop.example/1")
        assert gone is not None
        assert back is not None
        assert (gone.disabled_at is None, back.disabled_at) == (False, None)

    async def test_the_phone_number_is_that_of_the_users_preferences(self, database: DeliveryDatabase) -> None:
        user = database.user()
        assert await database.deliveries.whatsapp_phone(user) is None
        database.connection.execute("insert into user_preferences values (%s, '+49 151 2345678')", [user])
        assert await database.deliveries.whatsapp_phone(user) == "+49 151 2345678"
        assert await database.deliveries.whatsapp_phone("no-uuid-at-all") is None

    async def test_old_sent_deliveries_are_deleted_and_due_ones_are_kept(self, database: DeliveryDatabase) -> None:
        sent, due = await database.claimed(), await database.claimed()
        await database.deliveries.mark_sent(sent)
        retention = database.records.retention
        assert await retention.prune(DataKind.DELIVERIES, older_than_s=3600, limit=10) == 0
        assert await retention.prune(DataKind.DELIVERIES, older_than_s=-1, limit=10) == 1
        assert database.state(due)[0] == "claimed"
