"""Wakes the outbox dispatchers of all processes and carries redelivery requests of operators to them.

| key | type | value | lifetime |
|---|---|---|---|
| `darkroom:deliveries` | list | `1`: a delivery is due; or a dead letter to deliver again | until acknowledged |
"""

from __future__ import annotations

import redis.asyncio
import redis.exceptions

from schemas.errors import Unavailable

#: Key of the list. Dead letters of deliveries name it: pushing one to it requests a redelivery.
LIST = "darkroom:deliveries"
WAKE = b"1"


class DeliveryWakeupUnavailable(Unavailable):
    """The service is temporarily unavailable. Please try again later."""

    code = "delivery_wakeup_unavailable"


class DeliveryWakeup:
    """Wake-up signal between processes. Due deliveries are in the database, which dispatchers poll as well."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        """Use `client`, which the caller closes."""
        self._client = client

    async def notify(self) -> None:
        """Wake one dispatcher: a delivery is due.

        Raises:
            DeliveryWakeupUnavailable: Redis can't be reached.
        """
        try:
            await self._client.lpush(LIST, WAKE)
        except redis.exceptions.RedisError as error:
            raise DeliveryWakeupUnavailable(f"waking the outbox dispatcher: {type(error).__name__}") from error

    async def wait(self, seconds: int) -> bytes | None:
        """Return the pushed item, or None after `seconds`. It stays in the list until `ack`, so a crash loses nothing.

        Raises:
            DeliveryWakeupUnavailable: As `notify`.
        """
        try:
            item = await self._client.blmove(LIST, LIST, seconds, "RIGHT", "LEFT")
        except redis.exceptions.RedisError as error:
            raise DeliveryWakeupUnavailable(f"waiting for a delivery: {type(error).__name__}") from error
        return item if item is None or isinstance(item, bytes) else str(item).encode()

    async def ack(self, item: bytes) -> None:
        """Remove the item that `wait` returned.

        Raises:
            DeliveryWakeupUnavailable: As `notify`.
        """
        try:
            await self._client.lrem(LIST, 0, item)  # type: ignore[arg-type]  # redis-py takes bytes as well
        except redis.exceptions.RedisError as error:
            raise DeliveryWakeupUnavailable(f"acknowledging a delivery: {type(error).__name__}") from error
