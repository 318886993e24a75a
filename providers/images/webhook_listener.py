"""Wakes a provider's polls when the HTTP service has received a webhook about their work.

The HTTP service publishes the provider's id of the work on the channel `schemas.keys.provider_webhooks`. Every worker
hears every id and ignores those that it does not wait for. Nothing else of a webhook is passed on or believed.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import structlog
from redis.exceptions import RedisError

from schemas.keys import provider_webhooks

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

#: Seconds without a message before Redis is asked whether it is there, and again before it is given up.
SILENCE_S = 5.0
RECONNECT_S = 0.5

_log = structlog.get_logger(__name__)


@runtime_checkable
class TakesWebhooks(Protocol):
    """The optional part of an image provider that is told by webhook when its work has ended."""

    @property
    def name(self) -> str:
        """The provider's name."""

    @property
    def expects_webhooks(self) -> bool:
        """Whether an address for webhooks is set."""

    def hear_webhooks(self, *, heard: bool) -> None:
        """Take note whether webhooks reach this process from now on; called when that changes."""

    def wake(self, work_id: str) -> None:
        """Look at the work of this id now, if this process waits for it."""


class WebhookListener:
    """Subscribes to the webhooks of one provider for as long as it runs, across failures of Redis."""

    def __init__(self, provider: TakesWebhooks, client: Redis) -> None:
        """Listen for `provider`; `client` stays its owner's to close."""
        self._provider = provider
        self._redis = client
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen on the running event loop."""
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Stop listening."""
        if self._running:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    async def _run(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await self._listen(pubsub)
            except (RedisError, OSError) as error:
                _log.warning("webhooks_not_heard", provider=self._provider.name, error=type(error).__name__)
            finally:
                self._provider.hear_webhooks(heard=False)
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self, pubsub: PubSub) -> None:
        await pubsub.subscribe(provider_webhooks(self._provider.name))
        asked = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE_S)
            if message is None and asked:
                raise TimeoutError
            if message is None:
                await pubsub.ping()
            elif message["type"] == "subscribe":
                self._provider.hear_webhooks(heard=True)
            elif message["type"] == "message":
                self._provider.wake(message["data"].decode(errors="replace"))
            asked = message is None
