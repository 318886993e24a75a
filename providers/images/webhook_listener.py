"""Wakes a provider's polls when the HTTP service receives a webhook about their work.

The HTTP service publishes the provider's id of the work on the channel `schemas.keys.provider_webhooks`. Every worker
receives every id and ignores those it does not wait for. Nothing else of a webhook is passed on or trusted.
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

#: Silence after which Redis is pinged, and after which the connection is given up, seconds.
SILENCE_S = 5.0
RECONNECT_S = 0.5

_log = structlog.get_logger(__name__)


@runtime_checkable
class TakesWebhooks(Protocol):
    """Optional part of an image provider whose work ends with a webhook."""

    @property
    def name(self) -> str:
        """The provider's name."""

    @property
    def expects_webhooks(self) -> bool:
        """Whether webhooks are requested."""

    def set_webhooks_arrive(self, *, arrive: bool) -> None:
        """Set whether webhooks reach this process; called when that changes."""

    def wake(self, work_id: str) -> None:
        """Poll the work `work_id` now, if this process waits for it."""


class WebhookListener:
    """Subscribes to the webhooks of one provider until closed; reconnects after failures of Redis."""

    def __init__(self, provider: TakesWebhooks, client: Redis) -> None:
        """Listen for `provider`; the caller closes `client`."""
        self._provider = provider
        self._redis = client
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start listening on the running event loop."""
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
                _log.warning("webhook_listener_disconnected", provider=self._provider.name, error=type(error).__name__)
            finally:
                self._provider.set_webhooks_arrive(arrive=False)
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self, pubsub: PubSub) -> None:
        await pubsub.subscribe(provider_webhooks(self._provider.name))
        pinged = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE_S)
            if message is None and pinged:
                raise TimeoutError
            if message is None:
                await pubsub.ping()
            elif message["type"] == "subscribe":
                self._provider.set_webhooks_arrive(arrive=True)
            elif message["type"] == "message":
                self._provider.wake(message["data"].decode(errors="replace"))
            pinged = message is None
