from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import psycopg
import pytest

from pipelines.control.ingest import TaskListConsumer
from providers.progress import ProgressLog
from providers.records import PostgresRpc, Records
from providers.records.base import DatabaseUnavailable
from schemas.common import Product
from schemas.progress import Progress, Status, channel
from schemas.tasks import TASK_LISTS
from tests.integration.pipelines.conftest import pushed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import redis.asyncio

    from schemas.records import DeadLetter, NewTask, Verdict


class LosesReplies(Records):
    """Records whose first reply to `add_dead_letters` is lost."""

    lost = False

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> int:
        refunded = await super().add_dead_letters(letters)
        if not self.lost:
            self.lost = True
            raise DatabaseUnavailable("bury: the reply is lost")
        return refunded


class FailsOnce(Records):
    """Records whose first `accept` raises an error that is none of theirs."""

    failed = False

    async def accept(self, tasks: Sequence[NewTask]) -> dict[str, Verdict]:
        if not self.failed:
            self.failed = True
            raise ValueError("unexpected")
        return await super().accept(tasks)


@pytest.fixture
def unchangeable_session(database_url: str) -> Iterator[Callable[[str], None]]:
    """Makes the database refuse each change of the session with that id."""

    def make(session_id: str) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "create function refuse_change() returns trigger language plpgsql as "
                "$$ begin raise check_violation using message = 'refused by the test'; end $$"
            )
            connection.execute(
                "create trigger refuse_change before update on generation_sessions for each row "
                f"when (old.id::text = '{session_id}') execute function refuse_change()"
            )

    yield make
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop function if exists refuse_change cascade")


async def latest(client: redis.asyncio.Redis, task_id: str) -> tuple[str, str | None]:
    event = await ProgressLog(client, ttl_s=60).latest(task_id)
    assert event is not None
    return event.status.value, event.code


LIST = TASK_LISTS[Product.TRYON]


async def test_a_task_without_its_session_is_kept_with_all_its_ids(
    client: redis.asyncio.Redis, records: Records, new_task: Callable[..., NewTask]
) -> None:
    task = new_task("anna")
    stranger = task.payload | {"session_id": "nowhere"}
    await client.lpush(LIST, pushed(task.model_copy(update={"payload": stranger})))
    await TaskListConsumer(Product.TRYON, "c1", client, records).consume_batch(1)
    (letter,) = await records.dead_letters_of(task.task_id)
    assert (letter.code, letter.task_id, letter.session_id) == ("unknown_session", task.task_id, "nowhere")


async def test_a_payload_that_names_the_session_of_another_owner_does_not_end_it(
    client: redis.asyncio.Redis, records: Records, new_task: Callable[..., NewTask]
) -> None:
    theirs = new_task("anna")
    forged = theirs.payload | {"task_id": "forged", "user_id": "mallory"}
    await client.lpush(LIST, pushed(theirs.model_copy(update={"payload": forged})))
    await TaskListConsumer(Product.TRYON, "c1", client, records).consume_batch(1)
    (letter,) = await records.dead_letters_of("forged")
    assert letter.session_id == theirs.session_id
    session = await records.orders.find(theirs.session_id, "anna")
    assert session is not None
    assert session.status == "queued"


@pytest.mark.parametrize("change", [{"version": 2}, {"image_urls": []}, {"session_id": "nowhere"}])
async def test_a_refused_task_publishes_its_end(
    client: redis.asyncio.Redis, records: Records, new_task: Callable[..., NewTask], change: dict[str, object]
) -> None:
    task = new_task("anna")
    await client.lpush(LIST, pushed(task.model_copy(update={"payload": task.payload | change})))
    await TaskListConsumer(Product.TRYON, "c1", client, records).consume_batch(1)
    (letter,) = await records.dead_letters_of(task.task_id)
    assert await latest(client, task.task_id) == ("failed", letter.code)


async def test_a_refused_payload_does_not_end_the_task_of_a_job(
    client: redis.asyncio.Redis, records: Records, new_task: Callable[..., NewTask]
) -> None:
    task = new_task("anna")
    ingest = TaskListConsumer(Product.TRYON, "c1", client, records)
    await client.lpush(LIST, pushed(task))
    await ingest.consume_batch(1)
    await client.lpush(LIST, pushed(task.model_copy(update={"payload": task.payload | {"version": 2}})))
    await ingest.consume_batch(1)
    assert len(await records.dead_letters_of(task.task_id)) == 1
    assert await ProgressLog(client, ttl_s=60).latest(task.task_id) is None


async def test_a_task_whose_session_ended_before_it_arrived_publishes_its_end(
    client: redis.asyncio.Redis, records: Records, new_task: Callable[..., NewTask]
) -> None:
    task = new_task("anna")
    await records.fail_session(Product.TRYON, "b2c", task.session_id, "Cancelled", "cancel")
    await client.lpush(LIST, pushed(task))
    await TaskListConsumer(Product.TRYON, "c1", client, records).consume_batch(1)
    assert await latest(client, task.task_id) == ("failed", "session_ended")


async def test_letters_are_stored_once_when_a_reply_is_lost(client: redis.asyncio.Redis, database_url: str) -> None:
    records = LosesReplies(PostgresRpc(database_url, max_connections=1))
    before = len(await records.dead_letters(limit=1000))
    ingest = TaskListConsumer(Product.TRYON, "c1", client, records)
    await client.lpush(LIST, b"not json", b"not json", b"neither")
    with pytest.raises(DatabaseUnavailable):
        await ingest.consume_batch(1)
    assert await ingest.consume_batch(1) == 3
    assert len(await records.dead_letters(limit=1000)) == before + 3
    await records.aclose()


async def test_the_run_after_a_refusal_is_visible(
    client: redis.asyncio.Redis, records: Records, new_task: Callable[..., NewTask]
) -> None:
    """Given a refused payload whose task was replayed, then the events of its first run supersede the refusal."""
    task = new_task("anna")
    await client.lpush(LIST, pushed(task.model_copy(update={"payload": task.payload | {"version": 2}})))
    await TaskListConsumer(Product.TRYON, "c1", client, records).consume_batch(1)
    assert await latest(client, task.task_id) == ("failed", "unknown_version")
    async with client.pubsub() as subscription:
        await subscription.subscribe(channel(task.task_id))
        assert await subscription.get_message(timeout=5) is not None  # the confirmation

        completed = Progress(status=Status.COMPLETED, progress=100, message="Completed", task_id=task.task_id)
        assert await ProgressLog(client, ttl_s=60).publish(completed)

        message = await subscription.get_message(timeout=5)
    assert message is not None
    event = json.loads(message["data"])
    assert (event["status"], event["run"]) == ("completed", 1)
    assert await latest(client, task.task_id) == ("completed", None)


async def test_a_letter_whose_session_cannot_be_ended_is_kept_with_the_others(
    client: redis.asyncio.Redis,
    records: Records,
    new_task: Callable[..., NewTask],
    unchangeable_session: Callable[[str], None],
) -> None:
    refused, other = new_task("anna"), new_task("ben")
    unchangeable_session(refused.session_id)
    for task in (refused, other):
        await client.lpush(LIST, pushed(task.model_copy(update={"payload": task.payload | {"version": 2}})))

    assert await TaskListConsumer(Product.TRYON, "c1", client, records).consume_batch(1) == 2

    for task, owner, status in ((refused, "anna", "queued"), (other, "ben", "failed")):
        assert len(await records.dead_letters_of(task.task_id)) == 1
        session = await records.orders.find(task.session_id, owner)
        assert session is not None
        assert session.status == status


async def test_an_unexpected_error_does_not_end_the_consumer(
    client: redis.asyncio.Redis, database_url: str, records: Records, new_task: Callable[..., NewTask]
) -> None:
    failing = FailsOnce(PostgresRpc(database_url, max_connections=1))
    task = new_task("anna")
    await client.lpush(LIST, pushed(task))
    stopped = asyncio.Event()
    consuming = asyncio.create_task(TaskListConsumer(Product.TRYON, "c1", client, failing).run(stopped))
    async with asyncio.timeout(20):
        while not consuming.done() and await records.job(task.task_id) is None:  # noqa: ASYNC110  the loop under test sets no event
            await asyncio.sleep(0.01)
    stopped.set()
    await consuming
    await failing.aclose()
    assert await records.job(task.task_id) is not None
