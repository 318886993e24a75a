"""The outbox dispatcher delivers from the table, whatever fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis.asyncio

from pipelines.control import outbox
from pipelines.control.outbox import MAX_PER_CHANNEL, OUTCOME_UNKNOWN, DeliveryDispatcher
from providers.delivery.fake import FakeChannel
from providers.delivery.wakeup import LIST, DeliveryWakeup
from providers.delivery.web import WebChannel
from providers.records import PostgresRpc, Records
from providers.records.outbox import OWNER_SHARE
from schemas.delivery import DeliveryChannel, DeliveryKind, OutboxMessage
from schemas.errors import Ambiguous, Invalid, RateLimited, Transient
from tests.contracts.deliveries import LEASE_S, DeliveryDatabase, photo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from providers.delivery import OnSending
    from schemas.delivery import Delivery
    from schemas.errors import DarkroomError


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[DeliveryDatabase]:
    rpc = PostgresRpc(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = DeliveryDatabase(connection, Records(rpc))
        found.empty()
        yield found
    await rpc.aclose()


@pytest.fixture
async def wakeup(redis_url: str, flush_redis: None) -> AsyncIterator[DeliveryWakeup]:  # noqa: ARG001  starts empty
    client = redis.asyncio.Redis.from_url(redis_url)
    yield DeliveryWakeup(client)
    await client.aclose()


def whatsapp(*failures: DarkroomError) -> FakeChannel:
    return FakeChannel(DeliveryChannel.WHATSAPP, failures)


async def enqueue(
    database: DeliveryDatabase,
    kind: DeliveryKind = DeliveryKind.PHOTO,
    channel: DeliveryChannel = DeliveryChannel.WHATSAPP,
) -> str:
    task_id = database.ended_job(state="failed" if kind is DeliveryKind.APOLOGY else "completed")
    message = {"user_id": "u1", "avatar_id": "a1", "url": "https://files.example/1", "text": "Sorry."}
    await database.deliveries.enqueue(task_id, 3, [OutboxMessage(kind=kind, channel=channel, message=message)])
    return task_id


async def run_once(dispatcher: DeliveryDispatcher, database: DeliveryDatabase) -> int:
    """Run the dispatcher once, with all delays and claims expired; return the number of deliveries."""
    database.expire_claims()
    found = await dispatcher.run_once()
    await dispatcher.drain()
    return found


async def only(database: DeliveryDatabase, task_id: str) -> Delivery:
    (found,) = await database.deliveries.for_task(task_id)
    return found


async def test_a_due_delivery_is_sent_once(database: DeliveryDatabase, wakeup: DeliveryWakeup) -> None:
    channel = whatsapp()
    dispatcher = DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel})
    task_id = await enqueue(database)
    assert [await run_once(dispatcher, database) for _ in range(2)] == [1, 0]
    assert len(channel.sent) == 1
    assert (await only(database, task_id)).state == "sent"


async def test_the_apology_is_sent_once_although_its_first_attempts_fail(
    database: DeliveryDatabase, wakeup: DeliveryWakeup
) -> None:
    channel = whatsapp(Transient("no connection"), RateLimited("slow down"), Transient("no connection"))
    dispatcher = DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel})
    task_id = await enqueue(database, DeliveryKind.APOLOGY)
    assert [await run_once(dispatcher, database) for _ in range(5)] == [1, 1, 1, 1, 0]
    assert [item.message["text"] for item in channel.sent] == ["Sorry."]
    assert (await only(database, task_id)).state == "sent"


async def test_a_delivery_whose_attempts_all_failed_becomes_a_dead_letter_and_the_job_stays_completed(
    database: DeliveryDatabase, wakeup: DeliveryWakeup
) -> None:
    channel = whatsapp(*(Transient("no connection", code="unreachable") for _ in range(4)))
    dispatcher = DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel})
    task_id = await enqueue(database)
    assert [await run_once(dispatcher, database) for _ in range(5)] == [1, 1, 1, 1, 0]
    (letter,) = await database.records.dead_letters()
    assert (letter.code, letter.task_id) == ("unreachable", task_id)
    job = await database.records.job(task_id)
    assert job is not None
    assert (job.state, job.failure) == ("completed", None)


async def test_a_retry_waits_two_seconds_first(database: DeliveryDatabase, wakeup: DeliveryWakeup) -> None:
    channel = whatsapp(Transient("no connection"))
    dispatcher = DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel})
    task_id = await enqueue(database)
    await run_once(dispatcher, database)
    waits = database.one(
        "select extract(epoch from next_at - now())::float8 from darkroom_deliveries where task_id = %s", task_id
    )
    assert 1.0 < waits <= 2.5


@pytest.mark.parametrize("error", [Invalid("closed", code="window_closed"), Invalid("none", code="no_phone")])
async def test_a_final_error_is_not_retried(
    database: DeliveryDatabase, wakeup: DeliveryWakeup, error: DarkroomError
) -> None:
    channel = whatsapp(error)
    dispatcher = DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel})
    task_id = await enqueue(database)
    assert [await run_once(dispatcher, database) for _ in range(2)] == [1, 0]
    assert (await only(database, task_id)).code == error.error_code
    assert not channel.sent


async def test_a_delivery_that_may_have_arrived_is_not_sent_again(
    database: DeliveryDatabase, wakeup: DeliveryWakeup
) -> None:
    channel = whatsapp(Ambiguous("no answer", code="whatsapp_unknown"))
    dispatcher = DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel})
    task_id = await enqueue(database)
    assert [await run_once(dispatcher, database) for _ in range(2)] == [1, 0]
    found = await only(database, task_id)
    assert (found.state, found.code) == ("sent", "whatsapp_unknown")


async def test_a_dispatcher_killed_while_sending_does_not_send_twice(
    database: DeliveryDatabase, wakeup: DeliveryWakeup
) -> None:
    task_id = await enqueue(database)
    (claimed,) = await database.deliveries.claim(limit=1, lease_s=LEASE_S)
    await database.deliveries.mark_sending(claimed)
    channel = whatsapp()
    dispatcher = DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel})
    await run_once(dispatcher, database)
    found = await only(database, task_id)
    assert (found.state, found.code, len(channel.sent)) == ("sent", OUTCOME_UNKNOWN, 0)


async def test_a_dispatcher_killed_before_sending_is_replaced(
    database: DeliveryDatabase, wakeup: DeliveryWakeup
) -> None:
    await enqueue(database)
    await database.deliveries.claim(limit=1, lease_s=LEASE_S)
    channel = whatsapp()
    await run_once(DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel}), database)
    assert len(channel.sent) == 1


async def test_a_dispatcher_killed_between_writing_and_settling_has_written_once(
    database: DeliveryDatabase, wakeup: DeliveryWakeup
) -> None:
    """A web message and its mark are one transaction, so there is no moment between them."""
    user = database.user()
    task_id = database.ended_job(user)
    await database.deliveries.enqueue(task_id, 3, [photo(user)])

    class Killed(WebChannel):
        async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:
            await super().deliver(delivery, on_sending=on_sending)
            raise Transient("the connection broke after the commit")

    for channel in (Killed(database.deliveries), WebChannel(database.deliveries)):
        await run_once(DeliveryDispatcher(database.deliveries, wakeup, {DeliveryChannel.WEB: channel}), database)
    assert database.one("select count(*) from messages where user_id = %s", user) == 1
    assert (await only(database, task_id)).state == "sent"


async def test_a_missing_channel_is_logged(database: DeliveryDatabase, wakeup: DeliveryWakeup) -> None:
    task_id = await enqueue(database)
    await run_once(DeliveryDispatcher(database.deliveries, wakeup, {}), database)
    assert (await only(database, task_id)).code == "channel_not_set_up"


async def test_a_crashing_channel_does_not_affect_other_deliveries(
    database: DeliveryDatabase, wakeup: DeliveryWakeup
) -> None:
    class Crashing(FakeChannel):
        async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:  # noqa: ARG002  it crashes
            raise ZeroDivisionError

    channels: dict[DeliveryChannel, Any] = {
        DeliveryChannel.WHATSAPP: Crashing(DeliveryChannel.WHATSAPP),
        DeliveryChannel.WEBHOOK: FakeChannel(DeliveryChannel.WEBHOOK),
    }
    await database.deliveries.webhook("u1", "set", "https://shop.example")
    crashed = await enqueue(database)
    task_id = database.ended_job("u1")
    event = OutboxMessage(kind=DeliveryKind.RESULT, channel=DeliveryChannel.WEBHOOK, message={})
    await database.deliveries.enqueue(task_id, 3, [event])
    assert await run_once(DeliveryDispatcher(database.deliveries, wakeup, channels), database) == 2
    assert (await only(database, crashed)).state == "dead"
    assert (await only(database, task_id)).state == "sent"


@contextlib.asynccontextmanager
async def running(dispatcher: DeliveryDispatcher) -> AsyncIterator[None]:
    stopped = asyncio.Event()
    task = asyncio.create_task(dispatcher.run(stopped))
    try:
        yield
    finally:
        stopped.set()
        await task


async def until_sent(channel: FakeChannel, count: int) -> None:
    async with asyncio.timeout(20):
        while len(channel.sent) < count:  # noqa: ASYNC110  a fake rings no wakeup
            await asyncio.sleep(0.02)


async def test_a_dispatcher_that_is_woken_delivers_immediately(
    database: DeliveryDatabase, wakeup: DeliveryWakeup
) -> None:
    channel = whatsapp()
    async with running(DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel})):
        await enqueue(database)
        await wakeup.notify()
        await until_sent(channel, 1)


async def test_a_dispatcher_without_a_wakeup_delivers_by_polling(
    database: DeliveryDatabase, wakeup: DeliveryWakeup
) -> None:
    channel = whatsapp()
    async with running(DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel})):
        await enqueue(database)
        await until_sent(channel, 1)


async def test_due_deliveries_are_sent_during_a_redis_outage(database: DeliveryDatabase, tmp_path: Path) -> None:
    channel = whatsapp()
    away = redis.asyncio.Redis(unix_socket_path=str(tmp_path / "missing.sock"))
    async with away, running(DeliveryDispatcher(database.deliveries, DeliveryWakeup(away), {channel.name: channel})):
        await enqueue(database)
        await until_sent(channel, 1)


async def test_a_redelivered_dead_letter_is_delivered_and_invalid_requests_are_ignored(
    database: DeliveryDatabase, wakeup: DeliveryWakeup, redis_url: str
) -> None:
    channel = whatsapp(Invalid("closed", code="window_closed"))
    dispatcher = DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel})
    await enqueue(database)
    await run_once(dispatcher, database)
    (letter,) = await database.records.dead_letters()
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        for item in (b"not json", b"{}", b"[1]", letter.payload.encode()):
            await client.lpush(LIST, item)
        async with running(dispatcher):
            await until_sent(channel, 1)
            async with asyncio.timeout(10):
                while await client.llen(LIST):  # noqa: ASYNC110  nor does Redis
                    await asyncio.sleep(0.02)
    assert len(channel.sent) == 1


class SilentChannel:
    """Takes every delivery and does not end before the test does."""

    name = DeliveryChannel.WEBHOOK

    def __init__(self) -> None:
        self.owners: Counter[str] = Counter()
        self._answer = asyncio.Event()

    async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:  # noqa: ARG002  nothing is sent
        self.owners[delivery.owner_id] += 1
        await self._answer.wait()

    async def aclose(self) -> None:
        self._answer.set()


async def enqueue_webhooks(database: DeliveryDatabase, owner: str, count: int) -> None:
    await database.deliveries.webhook(owner, "set", "https://shop.example")
    message = OutboxMessage(kind=DeliveryKind.RESULT, channel=DeliveryChannel.WEBHOOK, message={"type": "x"})
    for _ in range(count):
        await database.deliveries.enqueue(database.ended_job(owner), 3, [message])


async def test_a_receiver_that_does_not_answer_delays_no_other_owner(
    database: DeliveryDatabase, wakeup: DeliveryWakeup
) -> None:
    silent, chat = SilentChannel(), whatsapp()
    await enqueue_webhooks(database, "attacker", 100)
    async with running(DeliveryDispatcher(database.deliveries, wakeup, {silent.name: silent, chat.name: chat})):
        async with asyncio.timeout(20):
            while not silent.owners["attacker"]:  # noqa: ASYNC110  a fake rings no wakeup
                await asyncio.sleep(0.02)
        await enqueue_webhooks(database, "innocent", 1)
        for _ in range(20):
            await enqueue(database)
        await wakeup.notify()
        await until_sent(chat, 20)
        async with asyncio.timeout(20):
            while not silent.owners["innocent"]:  # noqa: ASYNC110  the same
                await asyncio.sleep(0.02)
        assert silent.owners["attacker"] == OWNER_SHARE
        await silent.aclose()


async def test_receivers_of_many_owners_that_do_not_answer_delay_no_other_channel(
    database: DeliveryDatabase, wakeup: DeliveryWakeup
) -> None:
    silent, chat = SilentChannel(), whatsapp()
    for number in range(12):
        await enqueue_webhooks(database, f"attacker-{number}", 10)
    async with running(DeliveryDispatcher(database.deliveries, wakeup, {silent.name: silent, chat.name: chat})):
        async with asyncio.timeout(20):
            while silent.owners.total() < MAX_PER_CHANNEL:  # noqa: ASYNC110  a fake rings no wakeup
                await asyncio.sleep(0.02)
        for _ in range(20):
            await enqueue(database)
        await until_sent(chat, 20)
        assert silent.owners.total() == MAX_PER_CHANNEL
        await silent.aclose()


async def test_an_owner_with_more_than_its_share_is_delivered_without_waiting_for_a_wakeup(
    database: DeliveryDatabase, wakeup: DeliveryWakeup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "IDLE_S", 3600)
    channel = FakeChannel(DeliveryChannel.WEBHOOK)
    await enqueue_webhooks(database, "shop", 3 * OWNER_SHARE + 1)
    await wakeup.notify()
    async with running(DeliveryDispatcher(database.deliveries, wakeup, {channel.name: channel})):
        await until_sent(channel, 3 * OWNER_SHARE + 1)
        await wakeup.notify()
