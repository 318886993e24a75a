"""Takes tasks from a producers' list into the waiting room, so that none is lost or doubled wherever it is cut."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
import redis.exceptions
import structlog

from pipelines.control.background import wait_or_stop
from pipelines.control.payloads import SESSION_MESSAGE, InvalidPayload, dead_letter, parse
from providers.progress import ProgressLog
from providers.records import Records
from providers.records.base import DatabaseRefused
from providers.redis_clients import server_time_ms
from schemas import keys
from schemas.common import Product
from schemas.errors import DarkroomError
from schemas.progress import Progress, Status
from schemas.records import DeadLetter, NewTask, Verdict
from schemas.tasks import TASK_LISTS

log = structlog.get_logger(__name__)

#: Tasks per round trip to the database.
BATCH = 500
#: Seconds to block on an empty list.
WAIT_S = 1.0
#: A consumer without a sign of life for this long is dead, milliseconds. Alive ones give one with every batch.
CONSUMER_TIMEOUT_MS = 20_000
#: Seconds between looks whether a product that no worker makes is served again.
UNSERVED_PAUSE_S = 5.0

# Moves what waits behind the first task, up to a batch, and returns all that was taken.
_TAKE_MORE = """
for _ = redis.call('LLEN', KEYS[2]) + 1, tonumber(ARGV[1]) do
  if not redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT') then break end
end
return redis.call('LRANGE', KEYS[2], 0, -1)
"""

#: Verdicts that make a payload a dead letter, and the reason that is stored with it.
REFUSED = {
    Verdict.UNKNOWN_SESSION: "no such session of this owner",
    Verdict.PRODUCT_OFF: "the database has no tables of this product: name it in PRODUCTS and run `manage.py migrate`",
}
SESSION_ENDED = "The session ended before the task started."
#: How long the terminal event of a refused task can be read unless a setting says otherwise, seconds.
PROGRESS_TTL_S = 86_400


class TaskListConsumer:
    """One consumer of one list: taken into a list of its own, written to the table, then removed."""

    def __init__(  # noqa: PLR0913  what it reads, where it writes, and its settings
        self,
        product: Product,
        consumer: str,
        client: redis.asyncio.Redis,
        records: Records,
        *,
        is_served: Callable[[Product], Awaitable[bool]] | None = None,
        progress_ttl_s: int = PROGRESS_TTL_S,
    ) -> None:
        """Consume the list of `product` as `consumer`, a name that no other consumer has.

        While `is_served` denies the product, its tasks stay in the producers' list; the sweep ends their sessions in
        time. Without it they are always taken. Terminal events of tasks that get no job can be read for
        `progress_ttl_s` seconds.
        """
        self._product = product
        self._consumer = consumer
        self._client = client
        self._records = records
        self._is_served = is_served
        #: Tasks that waited at the last look while the product was not served.
        self._left_alone = 0
        self._source = TASK_LISTS[product]
        self._processing = keys.processing(consumer, self._source)
        self._progress = ProgressLog(client, ttl_s=progress_ttl_s)
        #: Names the batch in the processing list, so that its dead letters are stored once however often it is written.
        self._batch = uuid.uuid4().hex

    async def run(self, stopped: asyncio.Event) -> None:
        """Take tasks until `stopped`; whatever fails is tried again, nothing is given up."""
        while not stopped.is_set():
            try:
                if self._is_served is None or await self._is_served(self._product):
                    await self.take(WAIT_S)
                else:
                    await self._stay_idle(stopped)
            except (DarkroomError, redis.exceptions.RedisError, OSError) as error:
                log.warning("ingest_failed", list=self._source, error=type(error).__name__)
                await wait_or_stop(stopped, 0.5)

    async def _stay_idle(self, stopped: asyncio.Event) -> None:
        await self.heartbeat()
        waiting = await self._client.llen(self._source)
        if waiting and waiting != self._left_alone:
            log.warning("tasks_of_product_off", product=self._product.value, waiting=waiting)
        self._left_alone = waiting
        await wait_or_stop(stopped, UNSERVED_PAUSE_S)

    async def take(self, wait_s: float) -> int:
        """Take one batch, waiting up to `wait_s` seconds for its first task; returns how many.

        Raises:
            DarkroomError, redis.exceptions.RedisError: Drop is lost: the batch lies in the processing list.
        """
        await self.heartbeat()
        # What a failed attempt left is first: the reply to a move may have been lost, so the list is the truth.
        limit = 0
        if not await self._client.llen(self._processing):
            await self._client.blmove(self._source, self._processing, int(wait_s) or 1, "RIGHT", "LEFT")
            limit = BATCH
        found = await self._client.eval(_TAKE_MORE, 2, self._source, self._processing, str(limit))
        batch = [_bytes(item) for item in found]
        if batch:
            await self._write(batch)
            await self._client.delete(self._processing)
            self._batch = uuid.uuid4().hex
            await _wake(self._client)
        return len(batch)

    async def heartbeat(self) -> None:
        """Say that this consumer lives."""
        await self._client.zadd(keys.CONSUMERS, {self._consumer: await server_time_ms(self._client)})

    async def _write(self, batch: list[bytes]) -> None:
        tasks: dict[str, tuple[NewTask, bytes]] = {}
        letters: list[DeadLetter] = []
        # The oldest was pushed into the processing list first and lies at its end.
        for payload in reversed(batch):
            try:
                task = parse(self._product, payload)
            except InvalidPayload as error:
                letters.append(
                    dead_letter(self._product, payload, code=error.code, reason=error.reason, fields=error.fields)
                )
            else:
                tasks.setdefault(task.task_id, (task, payload))
        verdicts = await self._accept(tasks, letters) if tasks else {}
        for task_id, verdict in verdicts.items():
            task, payload = tasks[task_id]
            if reason := REFUSED.get(verdict):
                # A session of that id may exist and belong to another owner: it is not this payload's to end.
                letters.append(
                    dead_letter(
                        self._product,
                        payload,
                        code=verdict.value,
                        reason=reason,
                        fields=_fields(task),
                        ends_session=False,
                    )
                )
            elif verdict is not Verdict.ACCEPTED:
                log.info(
                    "task_skipped", task_id=task_id, session_id=task.session_id, request_id=task.request_id,
                    verdict=verdict.value,
                )  # fmt: skip
                if verdict is Verdict.ENDED:
                    await self._publish_end(task_id, task.session_id, "session_ended", SESSION_ENDED)
        if letters:
            await self._add_dead_letters(letters)

    async def _add_dead_letters(self, letters: list[DeadLetter]) -> None:
        refunded = await self._records.add_dead_letters(self._with_keys(letters))
        for item in letters:
            log.warning(
                "payload_rejected", list=item.list, code=item.code,
                task_id=item.task_id, session_id=item.session_id, request_id=item.request_id,
            )  # fmt: skip
        log.info("dead_letters_kept", count=len(letters), refunded=refunded)
        named = {item.task_id: item for item in letters if item.task_id}
        # A payload may name the task of another one: a task that has a job ends with its job.
        have_jobs = await self._records.known_tasks(list(named)) if named else set()
        for task_id, item in named.items():
            if task_id not in have_jobs:
                await self._publish_end(task_id, item.session_id or "", item.code, SESSION_MESSAGE)

    def _with_keys(self, letters: list[DeadLetter]) -> list[DeadLetter]:
        occurrences: Counter[str] = Counter()
        keyed = []
        for item in letters:
            digest = hashlib.sha256(item.payload.encode()).hexdigest()
            key = f"{self._batch}:{digest}:{occurrences[digest]}"
            occurrences[digest] += 1
            keyed.append(item.model_copy(update={"letter_key": key}))
        return keyed

    async def _publish_end(self, task_id: str, session_id: str, code: str, message: str) -> None:
        event = Progress(
            status=Status.FAILED, progress=0, message=message, task_id=task_id, session_id=session_id, code=code
        )
        await self._progress.publish(event)

    async def _accept(self, tasks: dict[str, tuple[NewTask, bytes]], letters: list[DeadLetter]) -> dict[str, Verdict]:
        try:
            return await self._records.accept([task for task, _ in tasks.values()])
        except DatabaseRefused as error:
            if len(tasks) == 1:
                # If it is the database that is wrong, keeping the letter fails too and the task stays where it is.
                ((task, payload),) = tasks.values()
                letters.append(
                    dead_letter(self._product, payload, code="refused", reason=str(error), fields=_fields(task))
                )
                return {}
        verdicts: dict[str, Verdict] = {}
        for task_id, pair in tasks.items():
            verdicts |= await self._accept({task_id: pair}, letters)
        return verdicts


def _fields(task: NewTask) -> dict[str, Any]:
    return {**task.payload, "request_id": task.request_id}


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


async def requeue_abandoned(client: redis.asyncio.Redis, *, timeout_ms: int = CONSUMER_TIMEOUT_MS) -> int:
    """Put back what consumers silent for `timeout_ms` had taken and not yet written; returns how many tasks.

    Raises:
        redis.exceptions.RedisError: Drop is lost; the next look goes on.
    """
    returned = 0
    horizon = await server_time_ms(client) - timeout_ms
    for name in await client.zrangebyscore(keys.CONSUMERS, 0, horizon):
        consumer = _bytes(name).decode()
        for source in TASK_LISTS.values():
            while await client.lmove(keys.processing(consumer, source), source, "LEFT", "RIGHT"):
                returned += 1
        await client.zrem(keys.CONSUMERS, consumer)
    if returned:
        log.warning("abandoned_tasks_requeued", count=returned)
    return returned


async def _wake(client: redis.asyncio.Redis) -> None:
    async with client.pipeline() as pipe:
        pipe.lpush(keys.WAKE, 1)
        pipe.ltrim(keys.WAKE, 0, 0)
        await pipe.execute()
