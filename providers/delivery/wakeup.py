"""Wakes the couriers of all processes, and brings them what an operator wants delivered again.

| key | type | what | lives |
|---|---|---|---|
| `darkroom:deliveries` | list | `1`: something is due; or a dead letter that was pushed again | until taken |
"""

from __future__ import annotations

import redis.asyncio
import redis.exceptions

from schemas.errors import Unavailable

#: Named in the dead letters of deliveries too: pushing one there delivers it again.
LIST = "darkroom:deliveries"
RING = b"1"


class DeliveryWakeupUnavailable(Unavailable):
    """The service is temporarily unavailable. Please try again later."""

    code = "delivery_wakeup_unavailable"


class DeliveryWakeup:
    """Redis only wakes: what is due is in the database, and couriers look there by themselves too."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        """Ring and wait through `client`, which belongs to somebody else."""
        self._client = client

    async def ring(self) -> None:
        """Say that something is due.

        Raises:
            DeliveryWakeupUnavailable: Redis can't be reached.
        """
        try:
            await self._client.lpush(LIST, RING)
        except redis.exceptions.RedisError as error:
            raise DeliveryWakeupUnavailable(f"waking the couriers: {type(error).__name__}") from error

    async def wait(self, seconds: int) -> bytes | None:
        """What was pushed, or None after `seconds`. It stays until it is `taken`, so that a crash loses nothing.

        Raises:
            DeliveryWakeupUnavailable: As for `ring`.
        """
        try:
            item = await self._client.blmove(LIST, LIST, seconds, "RIGHT", "LEFT")
        except redis.exceptions.RedisError as error:
            raise DeliveryWakeupUnavailable(f"waiting for a delivery: {type(error).__name__}") from error
        return item if item is None or isinstance(item, bytes) else str(item).encode()

    async def taken(self, item: bytes) -> None:
        """Forget what `wait` returned.

        Raises:
            DeliveryWakeupUnavailable: As for `ring`.
        """
        try:
            await self._client.lrem(LIST, 0, item)  # type: ignore[arg-type]  # redis-py takes bytes as well
        except redis.exceptions.RedisError as error:
            raise DeliveryWakeupUnavailable(f"taking a delivery: {type(error).__name__}") from error
