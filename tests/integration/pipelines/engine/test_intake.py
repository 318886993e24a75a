from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.control.ingest import TaskListConsumer
from schemas.common import Product
from schemas.tasks import TASK_LISTS
from tests.integration.pipelines.conftest import pushed

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis.asyncio

    from providers.records import Records
    from schemas.records import NewTask

LIST = TASK_LISTS[Product.TRYON]


async def test_a_task_without_its_session_is_kept_with_all_its_ids(
    client: redis.asyncio.Redis, records: Records, new_task: Callable[..., NewTask]
) -> None:
    task = new_task("anna")
    stranger = task.payload | {"session_id": "nowhere"}
    await client.lpush(LIST, pushed(task.model_copy(update={"payload": stranger})))
    await TaskListConsumer(Product.TRYON, "c1", client, records).take(1)
    (letter,) = await records.letters_of(task.task_id)
    assert (letter.code, letter.task_id, letter.session_id) == ("unknown_session", task.task_id, "nowhere")


async def test_a_payload_that_names_the_session_of_another_owner_does_not_end_it(
    client: redis.asyncio.Redis, records: Records, new_task: Callable[..., NewTask]
) -> None:
    theirs = new_task("anna")
    forged = theirs.payload | {"task_id": "forged", "user_id": "mallory"}
    await client.lpush(LIST, pushed(theirs.model_copy(update={"payload": forged})))
    await TaskListConsumer(Product.TRYON, "c1", client, records).take(1)
    (letter,) = await records.letters_of("forged")
    assert letter.session_id == theirs.session_id
    session = await records.orders.find(theirs.session_id, "anna")
    assert session is not None
    assert session.status == "queued"
