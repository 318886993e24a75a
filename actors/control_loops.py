"""The background loops of a worker besides ingest. Each opens and closes its own connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

import redis.exceptions
import structlog

from actors.connections import WorkerConnections
from actors.delivery import make_channels
from actors.services import make_sweep
from pipelines.control.background import wait_or_stop
from pipelines.control.database_contact import DatabaseContact
from pipelines.control.heartbeat import HEARTBEATS, Heartbeat
from pipelines.control.outbox import DeliveryDispatcher
from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.running_jobs import RunningJobs
from providers.delivery.wakeup import DeliveryWakeup
from providers.served import ANNOUNCE_INTERVAL_S, ServedProducts
from schemas.common import Product
from schemas.errors import DarkroomError
from schemas.records import WorkerInfo

log = structlog.get_logger(__name__)


async def send_heartbeats(
    stopped: asyncio.Event, *, connections: WorkerConnections, worker: WorkerInfo, running_jobs: RunningJobs
) -> None:
    """Renew the lease of this worker until `stopped`."""
    settings = connections.settings
    records = connections.records(1, timeout_s=settings.lease_s / HEARTBEATS)
    client = connections.redis(2)
    try:
        await Heartbeat(
            worker, running_jobs, records.workers, client, lease_s=settings.lease_s, hard_s=settings.hard_time_limit_s
        ).run(stopped)
    finally:
        await records.aclose()
        await client.aclose()


async def recover_jobs(
    stopped: asyncio.Event, *, connections: WorkerConnections, broker: Broker, contact: DatabaseContact
) -> None:
    """Sweep once, then recover jobs until `stopped`."""
    settings = connections.settings
    records = connections.records(1)
    client = connections.redis(2)
    sweep = make_sweep(settings, broker, records, client, contact)
    try:
        # An unavailable service is logged by the loop that follows.
        with contextlib.suppress(DarkroomError):
            await sweep.run_once()
        await sweep.recovery.run(stopped, settings.recovery_interval_s)
    finally:
        await records.aclose()
        await client.aclose()


async def dispatch_deliveries(stopped: asyncio.Event, *, connections: WorkerConnections) -> None:
    """Send due deliveries of the outbox until `stopped`."""
    settings = connections.settings
    records = connections.records(4)
    client = connections.redis(4)
    dispatcher = DeliveryDispatcher(records.outbox, DeliveryWakeup(client), make_channels(settings, records.outbox))
    try:
        await dispatcher.run(stopped)
    finally:
        await dispatcher.aclose()
        await records.aclose()
        await client.aclose()


async def announce_products(
    stopped: asyncio.Event, *, connections: WorkerConnections, worker: str, products: Collection[Product]
) -> None:
    """Announce that `worker` makes `products` until `stopped`, then withdraw the announcement."""
    client = connections.redis(1)
    served = ServedProducts(client)
    try:
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
    finally:
        await client.aclose()
