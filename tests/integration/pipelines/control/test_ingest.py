from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import orjson
import psycopg
import pytest

from pipelines.control import ingest
from pipelines.control.ingest import TaskListConsumer
from pipelines.control.payloads import KEPT_BYTES
from providers.metrics.recorder import Metrics
from providers.progress import ProgressLog
from providers.records import PostgresRpc, Records
from providers.records.base import DatabaseUnavailable
from schemas import keys
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


@pytest.fixture
def no_dead_letters(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("truncate darkroom_dead_letters")


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
    consumer = TaskListConsumer(Product.TRYON, "c1", client, records)
    await client.lpush(LIST, pushed(task))
    await consumer.consume_batch(1)
    await client.lpush(LIST, pushed(task.model_copy(update={"payload": task.payload | {"version": 2}})))
    await consumer.consume_batch(1)
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
    consumer = TaskListConsumer(Product.TRYON, "c1", client, records)
    await client.lpush(LIST, b"not json", b"not json", b"neither")
    with pytest.raises(DatabaseUnavailable):
        await consumer.consume_batch(1)
    assert await consumer.consume_batch(1) == 3
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


@pytest.mark.usefixtures("no_dead_letters")
async def test_large_payloads_are_taken_in_batches_of_bounded_size(
    client: redis.asyncio.Redis, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_BYTES", 1_000_000)
    for _ in range(20):
        await client.lpush(LIST, b"x" * 10_000_000)
    consumer = TaskListConsumer(Product.TRYON, "c1", client, records)
    sizes = [await consumer.consume_batch(1) for _ in range(5)]
    assert sizes == [4] * 5
    assert await client.llen(LIST) == 0
    letters = await records.dead_letters(limit=50)
    assert [(letter.code, letter.complete, len(letter.payload)) for letter in letters] == [
        ("too_large", False, KEPT_BYTES)
    ] * 20


async def test_a_processing_list_larger_than_a_batch_is_worked_off_from_its_oldest_task(
    client: redis.asyncio.Redis, records: Records, new_task: Callable[..., NewTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given what an interrupted consumer left, when it is consumed in small batches, then each task is taken once."""
    monkeypatch.setattr(ingest, "BATCH", 3)
    tasks = [new_task(f"user-{number}") for number in range(8)]
    for task in tasks:
        await client.lpush(keys.processing("c1", LIST), pushed(task))
    late = new_task("late")
    await client.lpush(LIST, pushed(late))
    consumer = TaskListConsumer(Product.TRYON, "c1", client, records)
    assert [await consumer.consume_batch(1) for _ in range(4)] == [3, 3, 2, 1]
    known = await records.known_tasks([task.task_id for task in (*tasks, late)])
    assert len(known) == 9


@pytest.mark.usefixtures("no_dead_letters")
async def test_the_dead_letters_of_a_list_are_limited_and_the_oldest_are_dropped(
    client: redis.asyncio.Redis, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "KEPT_LETTERS", 3)
    metrics = Metrics(client)
    consumer = TaskListConsumer(Product.TRYON, "c1", client, records, metrics=metrics)
    for number in range(5):
        await client.lpush(LIST, f"not json {number}")
        await consumer.consume_batch(1)
    kept = [letter.payload for letter in await records.dead_letters()]
    assert kept == ["not json 4", "not json 3", "not json 2"]
    assert b'darkroom_dead_letters_dropped_total{list="wearon:tasks:generation"} 2.0' in await metrics.render({})
    await metrics.aclose()


@pytest.mark.parametrize(
    "claim",
    [
        {"user_id": "mallory"}, {"user_id": None}, {"user_id": ["anna"]}, {"user_id": {"id": "anna"}}, {"user_id": ""},
        {"user_id": None, "store_id": "anna"}, {"channel": "b2b", "store_id": "anna"}, {"channel": None},
        {"channel": "b2b", "user_id": None, "store_id": "mallory"}, {"user_id": "anna%"}, {"user_id": "anna\u0000"},
    ],
)  # fmt: skip
async def test_an_unusable_payload_ends_no_session_without_its_owner(
    client: redis.asyncio.Redis, records: Records, new_task: Callable[..., NewTask], claim: dict[str, object]
) -> None:
    theirs = new_task("anna")
    faults: list[dict[str, object]] = [
        {"version": 9}, {"image_urls": []}, {"image_urls": "x"}, {"created_at": "never"}, {},
    ]  # fmt: skip
    for fault in faults:
        forged = theirs.payload | {"task_id": f"forged-{theirs.task_id}", "image_urls": 1} | fault | claim
        await client.lpush(LIST, orjson.dumps(forged))
    assert await TaskListConsumer(Product.TRYON, "c1", client, records).consume_batch(1) == 5
    assert len(await records.dead_letters_of(f"forged-{theirs.task_id}")) == 5
    session = await records.orders.find(theirs.session_id, "anna")
    assert session is not None
    assert session.status == "queued"
