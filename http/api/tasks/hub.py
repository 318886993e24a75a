"""One Redis subscription per process, distributed to the event streams of this process.

The subscription always includes `darkroom:http`, on which nothing is published: a connection without any channel is
not in subscribed mode.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import redis.asyncio
import redis.exceptions
import structlog
from pydantic import ValidationError
from redis.asyncio.client import PubSub

from api.problems import Problem
from api.tasks.sse import frame
from api.tasks.stream_limits import StreamLimits, StreamSubject
from api.tasks.subscription import Subscription
from providers.metrics.recorder import Metrics
from schemas.errors import Unavailable
from schemas.progress import Progress, channel

_IDLE = "darkroom:http"
#: Seconds of silence before Redis is pinged, and again before the connection is replaced.
SILENCE_S = 5.0
#: Deadline in seconds for Redis to confirm a subscription.
CONFIRM_S = 5.0
#: Interval in seconds of pings and reconciliation.
TICK_S = 1.0
#: Maximum silence of a stream, in seconds.
PING_S = 14.0
#: Interval in seconds at which the database is read for terminal events that were lost.
RECONCILE_S = 15.0
RECONNECT_S = 0.2

log = structlog.get_logger(__name__)


class HubUnavailable(Unavailable):
    """The service is temporarily unavailable. Please try again later."""

    code = "progress_unavailable"


class Hub:
    """The event streams of this process and their subscription.

    Attributes:
        draining: Whether this process is shutting down.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        task_states: Callable[[list[str]], Awaitable[dict[str, Progress]]],
        metrics: Metrics,
    ) -> None:
        """Subscribe through `client`; `task_states` returns the states of tasks whose events may have been missed."""
        self._client, self._states, self._metrics = client, task_states, metrics
        self._listeners: dict[str, set[Subscription]] = defaultdict(set)
        # None once confirmed, so that no future is kept for the lifetime of a stream.
        self._confirmed: dict[str, asyncio.Future[None] | None] = {}
        self._pubsub: PubSub | None = None
        self._limits = StreamLimits()
        self._sending = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = False

    @property
    def clients(self) -> int:
        """Return the number of open streams."""
        return sum(map(len, self._listeners.values()))

    def start(self) -> None:
        """Start the background tasks on the running event loop."""
        self._spawn(self._keep_running("subscription", self._run))
        self._spawn(self._keep_running("tick", self._tick))

    async def stop(self) -> None:
        """End every stream and the subscription."""
        self.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drain(self) -> None:
        """End every stream with a hint to reconnect; streams opened from now on end after their first event."""
        self.draining = True
        for subscription in self._subscriptions():
            subscription.finish()

    async def join(self, task_id: str, counted: Iterable[tuple[StreamSubject, str]] = ()) -> Subscription:
        """Subscribe to a task. Events published after this returns are delivered.

        Args:
            task_id: The task.
            counted: What the stream counts for, besides its task.

        Raises:
            HubUnavailable: Redis did not confirm in time.
            Problem: 429: too many streams are open.
        """
        subscription = Subscription(task_id, self._leave, self._limits)
        try:
            for subject, name in (*counted, (StreamSubject.TASK, task_id)):
                subscription.count(subject, name)
        except Problem:
            await subscription.close()
            raise
        self._listeners[task_id].add(subscription)
        if self.draining:
            return subscription
        try:
            async with asyncio.timeout(CONFIRM_S):
                await self._confirm(task_id)
        except (TimeoutError, redis.exceptions.RedisError, OSError) as error:
            await subscription.close()
            raise HubUnavailable(f"subscribing: {type(error).__name__}") from error
        except BaseException:
            await subscription.close()
            raise
        return subscription

    async def _confirm(self, task_id: str) -> None:
        name = channel(task_id)
        if name not in self._confirmed:
            self._confirmed[name] = asyncio.get_running_loop().create_future()
            async with self._sending:
                if self._pubsub is not None:  # otherwise the next connection subscribes to all channels
                    await self._pubsub.subscribe(name)
        if (confirmed := self._confirmed.get(name)) is not None:
            await asyncio.shield(confirmed)

    def _leave(self, subscription: Subscription) -> None:
        listeners = self._listeners.get(subscription.task_id)
        if listeners is None or subscription not in listeners:
            return
        listeners.discard(subscription)
        if not listeners:
            del self._listeners[subscription.task_id]
            self._spawn(self._unsubscribe(subscription.task_id))

    async def _unsubscribe(self, task_id: str) -> None:
        async with self._sending:
            if task_id not in self._listeners and channel(task_id) in self._confirmed:
                del self._confirmed[channel(task_id)]
                if self._pubsub is not None:
                    with contextlib.suppress(
                        redis.exceptions.RedisError, OSError
                    ):  # a lost connection has no subscriptions
                        await self._pubsub.unsubscribe(channel(task_id))

    async def _run(self) -> None:
        while True:
            try:
                async with self._client.pubsub() as pubsub:
                    await self._listen(pubsub)
            except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
                log.warning("progress_subscription_lost", error=type(error).__name__)
            finally:
                self._pubsub = None
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self, pubsub: PubSub) -> None:
        async with self._sending:
            tasks = list(self._listeners)
            self._unconfirm(tasks)
            await pubsub.subscribe(_IDLE, *map(channel, tasks))
            self._pubsub = pubsub
        if tasks:
            self._spawn(self._catch_up_when_confirmed(tasks))
        pinged = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE_S)
            if message is not None:
                self._handle(message)
                pinged = False
            elif pinged:
                raise TimeoutError
            else:
                pinged = True
                async with self._sending:
                    await pubsub.ping()

    def _unconfirm(self, task_ids: list[str]) -> None:
        for name in map(channel, task_ids):
            if self._confirmed.get(name) is None:
                self._confirmed[name] = asyncio.get_running_loop().create_future()

    async def _catch_up_when_confirmed(self, task_ids: list[str]) -> None:
        # Only what was published before the subscription counts is in the task_states that are read after it.
        confirmed = [self._confirmed.get(name) for name in map(channel, task_ids)]
        await asyncio.gather(*(future for future in confirmed if future is not None))
        await self._catch_up(task_ids, only_terminal=False)

    def _handle(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            name = message["channel"].decode()
            if (confirmed := self._confirmed.get(name)) is not None and not confirmed.done():
                confirmed.set_result(None)
                self._confirmed[name] = None
        elif message["type"] == "message":
            task_id = message["channel"].decode().removeprefix(channel(""))
            try:
                event = Progress.model_validate_json(message["data"])
            except ValidationError as error:
                log.warning("progress_not_understood", task_id=task_id, faults=error.error_count())
                return
            self._offer(task_id, event)

    def _offer(self, task_id: str, event: Progress) -> None:
        listeners = self._listeners.get(task_id)
        if listeners:
            encoded = frame(event)
            for subscription in listeners:
                subscription.offer(encoded)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        reconciled = loop.time()
        while True:
            await asyncio.sleep(TICK_S)
            await self._metrics.gauge("darkroom_sse_clients", {}, self.clients)
            ping_before = loop.time() - PING_S
            for subscription in self._subscriptions():
                if subscription.sent_at < ping_before:
                    subscription.ping()
            if loop.time() - reconciled > RECONCILE_S and self._listeners:
                reconciled = loop.time()
                await self._catch_up(list(self._listeners), only_terminal=True)

    async def _catch_up(self, task_ids: list[str], *, only_terminal: bool) -> None:
        try:
            task_states = await self._states(task_ids)
        except Unavailable as error:
            log.warning("progress_not_caught_up", error=str(error))
            return
        for task_id, event in task_states.items():
            if event.status.terminal or not only_terminal:
                self._offer(task_id, event)

    def _subscriptions(self) -> list[Subscription]:
        return [subscription for listeners in self._listeners.values() for subscription in listeners]

    async def _keep_running(self, name: str, main: Callable[[], Awaitable[None]]) -> None:
        """Run a task that has no end, and run it again when it fails."""
        while True:
            try:
                await main()
            except Exception:
                log.exception("hub_task_failed", task=name)
            await asyncio.sleep(RECONNECT_S)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
