"""The Redis broker: consumers are woken, messages of jobs are enqueued once, queues have limits of their own.

Delayed messages stay in Redis until they are due, and every time is Redis' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis
import redis.exceptions
import structlog
from dramatiq import Message, MessageProxy
from dramatiq.brokers.redis import RedisBroker, _scripts
from dramatiq.common import q_name
from dramatiq.middleware import Middleware

from pipelines.engine.dramatiq_redis import broker_scripts
from pipelines.engine.dramatiq_redis.consumer import WAIT_S, Consumer, DelayConsumer
from pipelines.engine.slots import SlotPool
from providers.redis_clients import sync_client
from schemas import keys
from schemas.errors import Unavailable
from schemas.job import Job

log = structlog.get_logger(__name__)

#: Milliseconds without a heartbeat after which a worker's messages no longer count as being worked on.
HEARTBEAT_TIMEOUT_MS = 15_000


class QueueUnreachable(Unavailable):
    """The service is temporarily unavailable. Please try again later."""

    code = "queue_unreachable"


class Broker(RedisBroker):
    """Dramatiq's Redis broker with the changes above; queues are laid out as Dramatiq lays them out.

    Attributes:
        held: Ids of the messages that this process fetched and did not acknowledge.
    """

    def __init__(self, url: str, *, limits: Mapping[str, int], middleware: list[Middleware]) -> None:
        """Prepare the broker; it connects on first use.

        Args:
            url: The Redis to use.
            limits: The most jobs that one worker process has in hand at each queue.
            middleware: All middleware.
        """
        self.limits = dict(limits)
        #: Where the jobs in hand are.
        self.slots = SlotPool(limits)
        self._waiting = sync_client(url, max_connections=4 * len(limits) + 4, socket_timeout_s=WAIT_S + 5)
        super().__init__(
            client=sync_client(url, max_connections=32, socket_timeout_s=5.0),
            middleware=middleware,
            namespace=keys.BROKER_NAMESPACE,
            maintenance_chance=0,
            heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        )
        self.held: set[str] = set()
        dispatch = broker_scripts.SERVER_TIME.encode() + _scripts["dispatch"]
        self.scripts["dispatch"] = self.client.register_script(dispatch)
        self._enqueue = self.client.register_script(broker_scripts.ENQUEUE)
        self._ack_job = self.client.register_script(broker_scripts.ACK_JOB)
        self._move_due = self.client.register_script(broker_scripts.MOVE_DUE)
        self._is_queued = self.client.register_script(broker_scripts.IS_QUEUED)
        self._bury_workers = self.client.register_script(broker_scripts.BURY_WORKERS)

    @property
    def consumer_class(self) -> type[Consumer]:
        """The consumer that is woken."""
        return Consumer

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer | DelayConsumer:
        """Return a consumer that takes no more than the queue has slots, or one that moves delayed messages."""
        if q_name(queue_name) != queue_name:
            return DelayConsumer(self, queue_name, prefetch, timeout)
        if queue_name in self.limits:
            self.slots.open(queue_name)
        return Consumer(self, queue_name, prefetch, timeout)

    def wait_for_message(self, queue_name: str, timeout_s: int) -> None:
        """Return when the queue has a message, or after `timeout_s` seconds."""
        queue = f"{self.namespace}:{queue_name}"
        self._waiting.blmove(queue, queue, timeout_s, "LEFT", "LEFT")

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a message, a job's message only once; `delay` in milliseconds.

        Raises:
            redis.exceptions.RedisError: It may or may not be enqueued; trying again is safe for a job's message.
        """
        if "job_message_id" not in message.options and not delay:
            return super().enqueue(message)
        queue_name = message.queue_name
        message_id = message.options.get("job_message_id", message.message_id)
        message = message.copy(options={"redis_message_id": message_id})
        queue = f"{self.namespace}:{queue_name}"
        script_keys = [queue, f"{queue}.msgs", keys.delayed(queue_name)]
        arguments = [message_id, message.encode(), delay or 0]
        if "job_message_id" in message.options:
            script_keys.append(keys.job(message.options["task_id"]))
            arguments += [queue_name, message.options["token"], keys.JOB_TTL_S]
        self._enqueue(keys=script_keys, args=arguments)
        return message

    def acknowledge(self, queue_name: str, message: MessageProxy) -> None:
        """Acknowledge a message; with a job's message it is noted that the job was taken.

        Raises:
            redis.exceptions.RedisError: Trying again is safe.
        """
        message_id = message.options["redis_message_id"]
        if "job_message_id" not in message.options:
            self.do_ack(queue_name, message_id)
            return
        fetched = f"{self.namespace}:__acks__.{self.broker_id}.{queue_name}"
        messages = f"{self.namespace}:{queue_name}.msgs"
        self._ack_job(keys=[fetched, messages, keys.job(message.options["task_id"])], args=[message_id, keys.JOB_TTL_S])

    def move_due(self, queue_name: str) -> float | None:
        """Move delayed messages that are due into their queue; seconds until the next one is, None without one.

        Raises:
            redis.exceptions.RedisError: Redis is away.
        """
        next_ms = int(self._move_due(keys=[keys.delayed(queue_name), f"{self.namespace}:{queue_name}"]))
        return None if next_ms < 0 else next_ms / 1000

    def reclaim(self, queue_name: str) -> None:
        """Put messages back whose fetch was executed although its reply was lost: this process does not have them.

        Raises:
            redis.exceptions.RedisError: Redis is away.
        """
        found: set[Any] = self.client.smembers(f"{self.namespace}:__acks__.{self.broker_id}.{queue_name}")
        lost = {message_id.decode() for message_id in found} - self.held
        if lost:
            log.warning("messages_reclaimed", queue=queue_name, count=len(lost))
            self.do_requeue(queue_name, *lost)

    def is_queued(self, task_id: str, token: int, *, taken_within_s: float = 0.0) -> bool:
        """Whether the job's newest message waits: in its queue, delayed, or fetched by a worker that lives.

        A job that was taken less than `taken_within_s` seconds ago counts too.

        Raises:
            QueueUnreachable: Redis can't be reached.
        """
        arguments = [token, self.namespace, self.heartbeat_timeout, round(taken_within_s * 1000)]
        try:
            return bool(self._is_queued(keys=[keys.job(task_id)], args=arguments))
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"looking for a message: {type(error).__name__}") from error

    def bury_dead_workers(self) -> int:
        """Forget what workers without a heartbeat held; returns how many there were.

        Raises:
            QueueUnreachable: Redis can't be reached.
        """
        try:
            return int(self._bury_workers(args=[self.namespace, 4 * self.heartbeat_timeout, *self.limits]))
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"looking for dead workers: {type(error).__name__}") from error

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self.client.close()
        self._waiting.close()


def job_message(stage: str, job: Job) -> Message[Any]:
    """The message that brings a job to a stage. Its id says which delivery of which attempt it is."""
    return Message(
        queue_name=stage,
        actor_name=stage,
        args=(job.model_dump(mode="json", exclude_defaults=True),),
        kwargs={},
        options=message_options(stage, job),
    )


def message_options(stage: str, job: Job) -> dict[str, Any]:
    """What the broker must know of a job's message."""
    return {
        "task_id": job.task_id,
        "token": job.token,
        "job_message_id": message_id(stage, job),
    }


def message_id(stage: str, job: Job) -> str:
    """Which delivery of which attempt of the stage it is."""
    return f"{job.task_id}:{job.token}:{stage}:{job.attempt}.{job.delivery}"
