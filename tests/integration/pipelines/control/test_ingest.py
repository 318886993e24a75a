from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines.control.ingest import TaskListConsumer
from providers.progress import ProgressLog
from providers.records import PostgresRpc, Records
from providers.records.base import DatabaseUnavailable
from schemas.common import Product
from schemas.tasks import TASK_LISTS
from tests.integration.pipelines.conftest import pushed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import redis.asyncio

    from schemas.records import DeadLetter, NewTask


class LosesReplies(Records):
    """Records whose first reply to `add_dead_letters` is lost."""

    lost = False

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> int:
        refunded = await super().add_dead_letters(letters)
        if not self.lost:
            self.lost = True
            raise DatabaseUnavailable("bury: the reply is lost")
        return refunded


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
