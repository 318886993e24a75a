"""The tasks that ingest has not written to the table yet: their sessions look like orphans."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import orjson
import redis.asyncio
import structlog

from schemas import keys
from schemas.common import Product
from schemas.tasks import TASK_LISTS

log = structlog.get_logger(__name__)

#: Longest list that is read, tasks: ten batches of ingest. In a longer one every task counts as unread.
MAX_READ = 5_000

_READ = Path(__file__).with_name("unread_tasks.lua").read_text()
_IDS = ("task_id", "job_id", "session_id")


class UnreadTasks:
    """The ids in the task lists at one moment."""

    def __init__(self, ids: dict[Product, frozenset[str] | None]) -> None:
        """Keep the ids of each product; None stands for all ids."""
        self._ids = ids

    @classmethod
    async def read(cls, client: redis.asyncio.Redis, products: Collection[Product]) -> UnreadTasks:
        """Return the ids of the tasks of `products` in the producers' and processing lists.

        Raises:
            redis.exceptions.RedisError: Redis is unavailable.
        """
        return cls({product: await _read(client, product) for product in products})

    def contains(self, product: Product, *ids: str) -> bool:
        """Return whether a task with one of these task or session ids may be in a list."""
        found = self._ids.get(product, frozenset())
        return found is None or any(_canonical(value) in found for value in ids)


async def _read(client: redis.asyncio.Redis, product: Product) -> frozenset[str] | None:
    source = TASK_LISTS[product]
    prefix, suffix = keys.processing("*", source).split("*")
    payloads = await client.eval(_READ, 2, keys.CONSUMERS, source, prefix, suffix, str(MAX_READ))
    if payloads is None:
        log.warning("task_list_too_long_to_sweep", product=product.value, limit=MAX_READ)
        return None
    return frozenset(value for payload in payloads for value in _ids(payload))


def _ids(payload: bytes) -> list[str]:
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return []  # ingest makes it a dead letter, which names no session
    if not isinstance(fields, dict):
        return []
    return [_canonical(fields[name]) for name in _IDS if isinstance(fields.get(name), str)]


def _canonical(value: str) -> str:
    """Return the one form of the ways in which producers write a UUID."""
    return value.replace("-", "").lower()
