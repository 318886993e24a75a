"""An ingest that dies at any point between processing a task and handing it on."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
import redis.asyncio

from pipelines.control.ingest import TaskListConsumer, requeue_abandoned
from providers.records import PostgresRpc, Records
from providers.redis_clients import async_client
from schemas.common import Product
from tests.faults.deployment import TASKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.records import NewTask, Verdict
    from tests.faults.deployment import Deployment

ROUNDS = 100


def die() -> None:
    """End this process as a killed one ends."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingClient:
    """A Redis client whose process is killed after `after` commands."""

    def __init__(self, client: redis.asyncio.Redis, after: int) -> None:
        self._client = client
        self._left = after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name == "pipeline":
            return found

        async def command(*arguments: Any, **options: Any) -> Any:
            result = await found(*arguments, **options)
            self._left -= 1
            if self._left < 0:
                die()
            return result

        return command


class DyingRecords(Records):
    """Records whose process is killed after the tasks are written."""

    async def accept(self, tasks: Sequence[NewTask]) -> dict[str, Verdict]:
        verdicts = await super().accept(tasks)
        die()
        return verdicts


async def take_and_die(redis_url: str, database: str, consumer: str, point: int) -> None:
    client: Any = async_client(redis_url, max_connections=4)
    rpc = PostgresRpc(database, max_connections=1)
    records = DyingRecords(rpc) if point == 0 else Records(rpc)
    dying: Any = DyingClient(client, after=point) if point else client
    await TaskListConsumer(Product.TRYON, consumer, dying, records).consume_batch(1)


def test_no_task_is_lost_or_doubled_by_an_intake_that_dies_a_hundred_times(deployment: Deployment) -> None:
    """Given 300 tasks, when consumers die at random points 100 times, then each task has exactly one job."""
    tasks = deployment.new_tasks(300)
    random_points = random.Random(7)
    deaths = 0
    for number in range(ROUNDS):
        deployment.push(tasks[number * 3 : number * 3 + 3])
        point = random_points.randrange(8)
        # A fork of this process stands for a worker: it starts in milliseconds.
        pid = os.fork()
        if pid == 0:
            try:
                asyncio.run(
                    take_and_die(deployment.embedded.redis_url or "", deployment.database_url, f"c{number}", point)
                )
            finally:
                os._exit(0)
        _, status = os.waitpid(pid, 0)
        deaths += os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        asyncio.run(return_all(deployment))
    assert deaths > ROUNDS / 2

    asyncio.run(take_the_rest(deployment))

    assert deployment.redis.llen(TASKS) == 0
    assert not list(deployment.redis.scan_iter("darkroom:processing:*"))
    assert sorted(found for (found,) in deployment.jobs(tasks, "task_id")) == sorted(task.task_id for task in tasks)
    assert {state for (state,) in deployment.jobs(tasks, "state")} == {"waiting"}


async def return_all(deployment: Deployment) -> None:
    client = async_client(deployment.embedded.redis_url or "")
    await requeue_abandoned(client, timeout_ms=-1000)
    await client.aclose()


async def take_the_rest(deployment: Deployment) -> None:
    client = async_client(deployment.embedded.redis_url or "")
    records = Records(PostgresRpc(deployment.database_url, max_connections=1))
    ingest = TaskListConsumer(Product.TRYON, "last", client, records)
    while await ingest.consume_batch(1):
        pass
    await records.aclose()
    await client.aclose()


def test_the_same_task_pushed_twice_is_one_run(deployment: Deployment) -> None:
    deployment.start_worker()
    tasks = deployment.new_tasks(5)
    deployment.push(tasks)
    deployment.push(tasks)

    assert deployment.settle(tasks) == {"completed": 5}

    deployment.push(tasks)
    asyncio.run(take_the_rest(deployment))
    assert deployment.jobs(tasks, "run, recoveries") == [(1, 0)] * 5


def test_unusable_payloads_are_kept_and_end_the_session_they_name(deployment: Deployment) -> None:
    """Given garbage of every kind between good tasks, the good ones run, the garbage is kept, its session refunded."""
    deployment.start_worker()
    good = deployment.new_tasks(2)
    (named,) = deployment.new_tasks(1)
    (future,) = deployment.new_tasks(1)
    deployment.push(good[:1])
    garbage: list[bytes] = [
        b"not json",
        b"[1, 2]",
        b"null",
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"a": "' + b"x" * 400_000 + b'"}',
        json.dumps(deployment.payload(named) | {"image_urls": "one"}).encode(),
        json.dumps(deployment.payload(future) | {"version": 2}).encode(),
        json.dumps(deployment.payload(good[0]) | {"task_id": "../../evil"}).encode(),
        json.dumps(
            deployment.payload(good[0]) | {"task_id": "t9", "session_id": "00000000-0000-0000-0000-000000000000"}
        ).encode(),
        json.dumps(
            deployment.payload(good[0]) | {"task_id": "t8", "image_urls": [deployment.picture_url] * 200}
        ).encode(),
        json.dumps(deployment.payload(good[0], "null \0 character") | {"task_id": "t7"}).encode(),
    ]
    for payload in garbage:
        deployment.redis.lpush(TASKS, payload)
    deployment.push(good[1:])

    deployment.settle(good)

    with psycopg.connect(deployment.database_url) as connection:
        letters = connection.execute("select code, reason from darkroom_dead_letters order by id").fetchall()
    codes = Counter(code for code, _ in letters)
    assert codes == {"not_json": 3, "too_large": 1, "unknown_version": 1, "unknown_session": 1, "invalid": 6}
    assert all(deployment.picture_url not in reason for _, reason in letters)
    assert deployment.states([named, future]) == {"failed": 2}
    deployment.assert_books_balance([named, future])
