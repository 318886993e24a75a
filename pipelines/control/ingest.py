"""Ingest: moves tasks from a producers' list into the table; none is lost or duplicated wherever it is interrupted."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import redis.asyncio
import redis.exceptions
import structlog

from pipelines.control.background import wait_or_stop
from pipelines.control.payloads import SESSION_MESSAGE, InvalidPayload, dead_letter, parse
from providers.metrics.recorder import Metrics
from providers.progress import ProgressLog
from providers.records import Records
from providers.records.base import DatabaseRefused
from providers.redis_clients import server_time_ms
from schemas import keys
from schemas.common import Product
from schemas.errors import DarkroomError
from schemas.progress import Progress, Status
from schemas.records import DeadLetter, NewTask, Verdict
from schemas.tasks import MAX_PAYLOAD_BYTES, TASK_LISTS

log = structlog.get_logger(__name__)

#: Tasks and bytes per round trip to the database.
BATCH = 500
BATCH_BYTES = 4_000_000
#: Dead letters that are kept of one list.
KEPT_LETTERS = 10_000
#: Seconds to block on an empty list.
WAIT_S = 1.0
#: Time without a heartbeat after which a consumer is dead, milliseconds. Live ones send one with every batch.
CONSUMER_TIMEOUT_MS = 20_000
#: Seconds between checks whether a product that no worker serves is served again.
UNSERVED_PAUSE_S = 5.0
#: Seconds before the next attempt after a failure.
RETRY_S = 0.5

_TAKE_BATCH = Path(__file__).with_name("take_batch.lua").read_text()

#: Verdicts that make a payload a dead letter, and the reason that is stored with it.
REFUSED = {
    Verdict.UNKNOWN_SESSION: "no such session of this owner",
    Verdict.PRODUCT_OFF: "the database has no tables of this product: name it in PRODUCTS and run `manage.py migrate`",
}
SESSION_ENDED = "The session ended before the task started."
#: Default time to live of the terminal event of a refused task, seconds.
PROGRESS_TTL_S = 86_400


class TaskListConsumer:
    """Consumes one list: moves tasks into a processing list, writes them to the table, then deletes them."""

    def __init__(  # noqa: PLR0913  what it reads, where it writes, and its settings
        self,
        product: Product,
        consumer: str,
        client: redis.asyncio.Redis,
        records: Records,
        *,
        metrics: Metrics | None = None,
        is_served: Callable[[Product], Awaitable[bool]] | None = None,
        progress_ttl_s: int = PROGRESS_TTL_S,
    ) -> None:
        """Prepare a consumer.

        Args:
            product: Product of the list.
            consumer: Unique name of this consumer.
            client: Redis.
            records: The database.
            metrics: Where dropped dead letters are counted; by default, a recorder over `client`.
            is_served: Returns whether a worker makes the product. Otherwise its tasks stay in the producers' list, and
                the sweep ends their sessions in time. Without it all tasks are consumed.
            progress_ttl_s: Time to live of the terminal events of tasks that get no job, seconds.
        """
        self._product = product
        self._consumer = consumer
        self._client = client
        self._records = records
        self._metrics = metrics or Metrics(client)
        self._is_served = is_served
        #: Length of the list at the last check while the product was not served.
        self._unserved = 0
        self._source = TASK_LISTS[product]
        self._processing = keys.processing(consumer, self._source)
        self._progress = ProgressLog(client, ttl_s=progress_ttl_s)
        #: Id of the batch in the processing list: its dead letters are stored once however often it is written.
        self._batch = uuid.uuid4().hex

    async def run(self, stopped: asyncio.Event) -> None:
        """Consume tasks until `stopped`; log and retry failures."""
        while not stopped.is_set():
            try:
                if self._is_served is None or await self._is_served(self._product):
                    await self.consume_batch(WAIT_S)
                else:
                    await self._wait_unserved(stopped)
            except (DarkroomError, redis.exceptions.RedisError, OSError) as error:
                log.warning("ingest_failed", list=self._source, error=type(error).__name__)
                await wait_or_stop(stopped, RETRY_S)
            except Exception:
                log.exception("ingest_failed", list=self._source)
                await wait_or_stop(stopped, RETRY_S)

    async def _wait_unserved(self, stopped: asyncio.Event) -> None:
        await self.heartbeat()
        waiting = await self._client.llen(self._source)
        if waiting and waiting != self._unserved:
            log.warning("tasks_of_product_off", product=self._product.value, waiting=waiting)
        self._unserved = waiting
        await wait_or_stop(stopped, UNSERVED_PAUSE_S)

    async def consume_batch(self, wait_s: float) -> int:
        """Consume one batch, waiting up to `wait_s` seconds for its first task; return the number of tasks.

        Raises:
            DarkroomError, redis.exceptions.RedisError: The batch is still in the processing list.
        """
        await self.heartbeat()
        # The batch of a failed attempt is first. The reply to a move may have been lost: trust the list only.
        move = 0
        if not await self._client.llen(self._processing):
            await self._client.blmove(self._source, self._processing, int(wait_s) or 1, "RIGHT", "LEFT")
            move = BATCH
        # One byte more than a payload may have shows that it is too large.
        sizes = (BATCH, move, BATCH_BYTES, MAX_PAYLOAD_BYTES + 1)
        found = await self._client.eval(_TAKE_BATCH, 2, self._source, self._processing, *map(str, sizes))
        batch = [_bytes(item) for item in found]
        if batch:
            await self._write(batch)
            # The batch is at the end of the list; what does not belong to it stays for the next one.
            await self._client.ltrim(self._processing, 0, -len(batch) - 1)
            self._batch = uuid.uuid4().hex
            await _wake_dispatcher(self._client)
        return len(batch)

    async def heartbeat(self) -> None:
        """Record that this consumer is alive."""
        await self._client.zadd(keys.CONSUMERS, {self._consumer: await server_time_ms(self._client)})

    async def _write(self, batch: list[bytes]) -> None:
        tasks: dict[str, tuple[NewTask, bytes]] = {}
        letters: list[DeadLetter] = []
        for payload in batch:
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
                # A session of this id may belong to another owner: this payload must not end it.
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
        refunded = await self._store(self._with_keys(letters))
        for item in letters:
            log.warning(
                "payload_rejected", list=item.list, code=item.code,
                task_id=item.task_id, session_id=item.session_id, request_id=item.request_id,
            )  # fmt: skip
        log.info("dead_letters_kept", count=len(letters), refunded=refunded)
        if dropped := await self._records.trim_dead_letters(self._source, keep=KEPT_LETTERS):
            log.warning("dead_letters_dropped", list=self._source, count=dropped)
            await self._metrics.incr("darkroom_dead_letters_dropped", {"list": self._source}, dropped)
        named = {item.task_id: item for item in letters if item.task_id}
        # A payload may name the task of another payload: a task with a job ends with its job.
        have_jobs = await self._records.known_tasks(list(named)) if named else set()
        for task_id, item in named.items():
            if task_id not in have_jobs:
                await self._publish_end(task_id, item.session_id or "", item.code, SESSION_MESSAGE)

    async def _store(self, letters: list[DeadLetter]) -> int:
        """Store letters, those whose session can't be ended without ending it; return the credits refunded."""
        await self._records.add_dead_letters([item for item in letters if not item.ends_session])
        refunded = 0
        for item in letters:
            if item.ends_session:
                # Each is a transaction of its own: a batch can take longer than the timeout of consumers.
                await self.heartbeat()
                refunded += await self._end_session(item)
        return refunded

    async def _end_session(self, item: DeadLetter) -> int:
        try:
            return await self._records.add_dead_letters([item])
        except DatabaseRefused as error:
            log.warning(
                "letter_session_not_ended", task_id=item.task_id, session_id=item.session_id,
                request_id=item.request_id, error=str(error),
            )  # fmt: skip
            return await self._records.add_dead_letters([item.model_copy(update={"message": None})])

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
        # Run 0: after a replay, the events of run 1 supersede this one.
        event = Progress(
            status=Status.FAILED, progress=0, message=message, task_id=task_id, session_id=session_id, run=0, code=code
        )
        await self._progress.publish(event)

    async def _accept(self, tasks: dict[str, tuple[NewTask, bytes]], letters: list[DeadLetter]) -> dict[str, Verdict]:
        try:
            return await self._records.accept([task for task, _ in tasks.values()])
        except DatabaseRefused as error:
            if len(tasks) == 1:
                # If the database is at fault, storing the dead letter fails too and the task stays in the list.
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
    """Requeue the tasks of consumers without a heartbeat for `timeout_ms`; return the number of tasks.

    Raises:
        redis.exceptions.RedisError: Redis is unavailable; the next call continues.
    """
    requeued = 0
    horizon = await server_time_ms(client) - timeout_ms
    for name in await client.zrangebyscore(keys.CONSUMERS, 0, horizon):
        consumer = _bytes(name).decode()
        for source in TASK_LISTS.values():
            while await client.lmove(keys.processing(consumer, source), source, "LEFT", "RIGHT"):
                requeued += 1
        await client.zrem(keys.CONSUMERS, consumer)
    if requeued:
        log.warning("abandoned_tasks_requeued", count=requeued)
    return requeued


async def _wake_dispatcher(client: redis.asyncio.Redis) -> None:
    async with client.pipeline() as pipe:
        pipe.lpush(keys.WAKE, 1)
        pipe.ltrim(keys.WAKE, 0, 0)
        await pipe.execute()
