"""Announces which products this worker makes, for as long as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import redis.asyncio
import redis.exceptions
import structlog

from pipelines.control.background import wait_or_stop
from providers.served import ANNOUNCE_INTERVAL_S, ServedProducts
from schemas.common import Product

log = structlog.get_logger(__name__)


async def keep_announcing(
    client: redis.asyncio.Redis, worker: str, products: Collection[Product], stopped: asyncio.Event
) -> None:
    """Announce that `worker` makes `products` until `stopped`, then withdraw it."""
    served = ServedProducts(client)
    while not stopped.is_set():
        try:
            await served.announce(worker, products)
        except (redis.exceptions.RedisError, OSError) as error:
            log.warning("products_not_announced", error=type(error).__name__)
        await wait_or_stop(stopped, ANNOUNCE_INTERVAL_S)
    try:
        await served.withdraw(worker)
    except (redis.exceptions.RedisError, OSError) as error:
        log.info("products_not_withdrawn", error=type(error).__name__)
