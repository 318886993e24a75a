"""Ingest: brings tasks from the producers' Redis lists into Dramatiq's queues. Not an actor: it has to wait for Redis.

Tasks go from the lists into the table (`pipelines.control.ingest`), and from there into the queue of their first stage
as Dramatiq messages (`pipelines.control.dispatcher`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import redis.exceptions
import structlog

from actors.connections import WorkerConnections
from pipelines.control.background import wait_or_stop
from pipelines.control.dispatcher import Dispatcher
from pipelines.control.ingest import TaskListConsumer, requeue_abandoned
from pipelines.engine.dramatiq_redis.broker import Broker
from providers.metrics.recorder import Metrics
from providers.served import ServedProducts
from schemas.common import Product

log = structlog.get_logger(__name__)

#: Seconds between checks for tasks that dead consumers left in their processing lists.
REQUEUE_INTERVAL_S = 5.0


async def ingest(
    stopped: asyncio.Event,
    *,
    connections: WorkerConnections,
    broker: Broker,
    consumer: str,
    own_products: Collection[Product] | None,
) -> None:
    """Consume all task lists and dispatch jobs until `stopped`.

    Args:
        stopped: Ends the loops.
        connections: Opens the connections of these loops, and holds the settings.
        broker: Where jobs are enqueued.
        consumer: Unique name of this worker.
        own_products: The products that this worker makes; None if it generates nothing.
    """
    settings = connections.settings
    records = connections.records(4)
    client = connections.redis(16, socket_timeout_s=10.0)
    metrics = Metrics(client)
    dispatcher = Dispatcher(
        records, broker, client, metrics, max_in_flight=settings.max_in_flight, lease_s=settings.lease_s
    )
    served = ServedProducts(client, own_products)
    try:
        async with asyncio.TaskGroup() as tasks:
            for product in Product:
                task_list = TaskListConsumer(
                    product,
                    consumer,
                    client,
                    records,
                    metrics=metrics,
                    is_served=served.is_served,
                    progress_ttl_s=settings.progress_ttl_s,
                )
                tasks.create_task(task_list.run(stopped))
            tasks.create_task(dispatcher.run(stopped))
            while not stopped.is_set():
                try:
                    await requeue_abandoned(client)
                except redis.exceptions.RedisError as error:
                    log.warning("abandoned_tasks_not_requeued", error=type(error).__name__)
                await wait_or_stop(stopped, REQUEUE_INTERVAL_S)
    finally:
        await metrics.aclose()
        await records.aclose()
        await client.aclose()
