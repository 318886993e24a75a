"""Producer of the benchmarks: create charged sessions and push their tasks in bulk."""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.common import Product
from schemas.tasks import TASK_LISTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg
    import redis

LIST = TASK_LISTS[Product.TRYON]
#: Payloads per LPUSH.
BATCH = 500


@dataclass(frozen=True, slots=True)
class BenchTask:
    """Ids of one pushed try-on."""

    task_id: str
    session_id: str
    user_id: str


def write_tasks(database: psycopg.Connection, count: int, *, seed: str, owners: int = 1) -> list[BenchTask]:
    """Create `count` charged sessions of alternating owners; return their tasks, which are not pushed yet."""
    generator = random.Random(seed)  # noqa: S311  must be repeatable
    users = [_uuid(generator) for _ in range(owners)]
    tasks = [BenchTask(_uuid(generator), _uuid(generator), users[number % owners]) for number in range(count)]
    database.execute(
        "insert into user_credits (user_id, balance, total_spent) select unnest(%s::text[]), 0, %s"
        " on conflict do nothing",
        [users, count],
    )
    database.execute(
        "insert into generation_sessions (id, user_id, credits_used, prompt_system)"
        " select s.id, s.user_id, 1, '' from unnest(%s::text[], %s::text[]) as s(id, user_id)",
        [[task.session_id for task in tasks], [task.user_id for task in tasks]],
    )
    return tasks


def push(client: redis.Redis, tasks: Sequence[BenchTask], urls: Sequence[str], *, to: str = LIST) -> None:
    """LPUSH the tasks in order."""
    payloads = [json.dumps(payload(task, urls)) for task in tasks]
    for start in range(0, len(payloads), BATCH):
        client.lpush(to, *payloads[start : start + BATCH])


def payload(task: BenchTask, urls: Sequence[str]) -> dict[str, Any]:
    """Return the payload of a task."""
    return {
        "task_id": task.task_id,
        "channel": "b2c",
        "user_id": task.user_id,
        "session_id": task.session_id,
        "image_urls": list(urls),
        "prompt": "",
        "request_id": f"req_{task.task_id}",
        "version": 1,
        "created_at": "2026-02-09T14:30:00Z",
    }


def _uuid(generator: random.Random) -> str:
    return str(uuid.UUID(int=generator.getrandbits(128), version=4))
