from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.products import PRODUCTS
from providers.metrics.recorder import Metrics
from providers.records import PostgresRpc, Records
from providers.redis_clients import async_client
from schemas.common import Product, StageName
from schemas.tasks import TryOnTask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import redis.asyncio

    from schemas.records import NewTask


@pytest.fixture
def broker(redis_url: str, flush_redis: None) -> Iterator[Broker]:  # noqa: ARG001  an empty Valkey
    made = Broker(redis_url, limits=dict.fromkeys(StageName, 4), middleware=[])
    yield made
    made.close()


@pytest.fixture
async def records(database_url: str) -> AsyncIterator[Records]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "truncate darkroom_jobs, darkroom_dispatched, darkroom_ledger, generation_sessions, user_credits"
        )
    made = Records(PostgresRpc(database_url, max_connections=4))
    yield made
    await made.aclose()


@pytest.fixture
async def client(redis_url: str, flush_redis: None) -> AsyncIterator[redis.asyncio.Redis]:  # noqa: ARG001
    made = async_client(redis_url, max_connections=8)
    yield made
    await made.aclose()


@pytest.fixture
async def metrics(client: redis.asyncio.Redis) -> AsyncIterator[Metrics]:
    made = Metrics(client)
    yield made
    await made.aclose()


@pytest.fixture
def new_task(database_url: str) -> Callable[..., NewTask]:
    """Makes a task whose session exists."""

    def make(user_id: str = "u1", **changes: Any) -> NewTask:
        ids = {"task_id": str(uuid.uuid4()), "session_id": str(uuid.uuid4())}
        task = TryOnTask.model_validate(
            {"channel": "b2c", "user_id": user_id, "image_urls": ["https://shop.example/a.jpg"]} | ids | changes
        )
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "insert into generation_sessions (id, user_id, credits_used) values (%s, %s, 1)",
                (task.session_id, user_id),
            )
        return PRODUCTS[Product.TRYON].accept(task)

    return make


def pushed(task: NewTask) -> str:
    """The task as its producer pushes it."""
    return json.dumps(task.payload)
