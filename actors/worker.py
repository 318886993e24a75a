"""What a worker process starts beside its actors: the event loop, the leases, the recovery, the intake."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid

import dramatiq
import redis.exceptions
import structlog
from dramatiq.asyncio import EventLoopThread, get_event_loop_thread, set_event_loop_thread
from dramatiq.logging import get_logger
from dramatiq.middleware import Middleware

from actors import queues
from actors.announcer import keep_announcing
from actors.delivery import make_channels
from actors.services import Services, make_services, make_sweep
from actors.signals import ignore_repeated_stop_signals
from pipelines.control.background import BackgroundLoop, stop_all, wait_or_stop
from pipelines.control.dispatcher import Dispatcher
from pipelines.control.ingest import TaskListConsumer, requeue_abandoned
from pipelines.control.lease_renewer import RENEWALS, LeaseRenewer
from pipelines.control.outbox import DeliveryDispatcher
from pipelines.engine.database_contact import DatabaseContact
from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.running_jobs import RunningJobs, StopReason
from providers.delivery.wakeup import DeliveryWakeup
from providers.metrics.recorder import Metrics
from providers.process import keep_freed_memory
from providers.records import Records
from providers.records.connect import connect
from providers.redis_clients import async_client
from providers.served import ServedProducts
from schemas.common import Product, StageName
from schemas.errors import DarkroomError
from settings import Settings

log = structlog.get_logger(__name__)

#: Seconds between looks for interrupts of a thread that waits for the event loop: we use none.
INTERRUPT_CHECK_S = 3600.0
#: Threads that take messages: they only put jobs onto the event loop, or wait for a sweep.
THREADS = 4
#: Seconds that work which was told to stop has for handing back its job; supervisors leave five beyond the grace.
HAND_BACK_S = 4.0
#: Seconds for closing connections when a worker ends.
CLOSE_S = 5.0
#: Threads that take or recover jobs: a worker that leaves does neither.
STOPPED_FIRST = frozenset({"announcer", "ingest", "recovery"})
#: Seconds between looks for what dead consumers left.
RETURN_INTERVAL_S = 5.0


class WorkerMiddleware(Middleware):
    """Starts and stops what a worker needs, in the worker's own process."""

    services: Services

    def __init__(self, settings: Settings, redis_url: str, database_url: str | None) -> None:
        """Prepare; nothing connects before the worker boots, which is after the fork."""
        self._settings = settings
        self._redis_url = redis_url
        self._database_url = database_url
        self._registry = RunningJobs()
        self._contact = DatabaseContact(settings.lease_s)
        self._threads: list[BackgroundLoop] = []
        self._leave_by = 0.0
        self._consumer = uuid.uuid4().hex
        #: The products that this worker makes; None if it takes no generations.
        self._own_products: frozenset[Product] | None = None

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Size the thread pool, start the event loop and the threads that go on whatever the stages do."""
        try:
            self._boot(broker, worker)
        except Exception as error:
            # Dramatiq would log what a hook raises and go on without what the hook was to start.
            log.critical("worker_not_started", error=str(error), exc_info=not isinstance(error, DarkroomError))
            _stop_event_loop()
            raise SystemExit(1) from None

    def _boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        if not isinstance(broker, Broker):
            raise TypeError("the worker needs Darkroom's own broker")
        ignore_repeated_stop_signals()
        keep_freed_memory()
        chosen = worker.consumer_whitelist
        worker.worker_threads = THREADS
        loop = EventLoopThread(get_logger(__name__, type(self)), interrupt_check_ival=INTERRUPT_CHECK_S)
        # A process whose main thread has ended must not go on working.
        loop.daemon = True
        loop.start(timeout=5.0)
        set_event_loop_thread(loop)
        self.services = loop.run_coroutine(
            self._make_services(broker, generates=chosen is None or StageName.GENERATE in chosen)
        )
        self._threads = [
            BackgroundLoop("renewer", self._keep),
            BackgroundLoop("recovery", lambda stop: self._tidy(broker, stop)),
        ]
        if chosen is None or StageName.GENERATE in chosen:
            self._own_products = self.services.generators.served
            self.services.generators.log_faults()
            self._threads.append(BackgroundLoop("announcer", self._announce))
        if chosen is None or queues.INGEST in chosen:
            self._threads.append(BackgroundLoop("ingest", lambda stop: self._ingest(broker, stop)))
        if chosen is None or StageName.NOTIFY in chosen:
            self._threads.append(BackgroundLoop("dispatcher", self._deliver))
        for thread in self._threads:
            thread.start()
        log.info("worker_started", queues=sorted(chosen or queues.QUEUES))

    def before_worker_shutdown(self, broker: Broker, worker: dramatiq.Worker) -> None:  # type: ignore[override]  # noqa: ARG002  Dramatiq's hook
        """Take no more tasks, begin no more stages and recover no jobs; hand back what outlasts the grace period."""
        broker.slots.close()
        for thread in self._threads:
            if thread.name in STOPPED_FIRST:
                thread.leave()
        self._leave_by = time.monotonic() + self._settings.shutdown_grace_s + HAND_BACK_S
        if not broker.slots.wait_until_empty(self._settings.shutdown_grace_s):
            self._hand_back(broker)

    def after_worker_shutdown(self, broker: Broker, worker: dramatiq.Worker) -> None:  # type: ignore[override]  # noqa: ARG002  Dramatiq's hook
        """Stop the threads and give back the connections."""
        # What a thread still had may have begun after that.
        if not broker.slots.wait_until_empty(0):
            self._hand_back(broker)
        stop_all(self._threads)
        try:
            # A job that still runs must not find its connections closed: that would look like a failure of the job.
            if (loop := get_event_loop_thread()) and broker.slots.wait_until_empty(0):
                loop.run_coroutine(self._close_services())
        finally:
            _stop_event_loop()

    def _hand_back(self, broker: Broker) -> None:
        for work in self._registry.snapshot():
            work.halt(StopReason.SHUTDOWN)
        if not broker.slots.wait_until_empty(max(0.0, self._leave_by - time.monotonic())):
            # Their leases bring them back.
            log.warning("jobs_not_handed_back", jobs=len(self._registry.snapshot()))

    async def _close_services(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.services.aclose()
        except TimeoutError:
            log.warning("connections_not_closed", seconds=CLOSE_S)

    async def _make_services(self, broker: Broker, *, generates: bool) -> Services:
        services = make_services(
            self._settings, broker, self._redis_url, self._connect(8), self._registry, self._contact
        )
        if generates:
            services.generators.start()
        return services

    def _connect(self, max_connections: int, timeout_s: float | None = None) -> Records:
        return connect(
            database_url=self._database_url,
            supabase_url=self._settings.supabase_url,
            supabase_key=self._settings.supabase_service_role_key,
            timeout_s=timeout_s or self._settings.supabase_timeout_s,
            max_connections=max_connections,
            max_refund_credits=self._settings.tryon_max_refund_credits,
        )

    async def _keep(self, stopped: asyncio.Event) -> None:
        records = self._connect(1, timeout_s=self._settings.lease_s / RENEWALS)
        client = async_client(self._redis_url, max_connections=2)
        renewer = LeaseRenewer(
            self._registry, records, client, lease_s=self._settings.lease_s, hard_s=self._settings.hard_time_limit_s
        )
        try:
            await renewer.run(stopped)
        finally:
            await records.aclose()
            await client.aclose()

    async def _tidy(self, broker: Broker, stopped: asyncio.Event) -> None:
        records = self._connect(1)
        client = async_client(self._redis_url, max_connections=2)
        sweep = make_sweep(self._settings, broker, records, client, self._contact)
        try:
            with contextlib.suppress(DarkroomError):
                await sweep.sweep()
            await sweep.recovery.run(stopped, self._settings.recovery_interval_s)
        finally:
            await records.aclose()
            await client.aclose()

    async def _deliver(self, stopped: asyncio.Event) -> None:
        records = self._connect(4)
        client = async_client(self._redis_url, max_connections=4)
        dispatcher = DeliveryDispatcher(
            records.outbox, DeliveryWakeup(client), make_channels(self._settings, records.outbox)
        )
        try:
            await dispatcher.run(stopped)
        finally:
            await dispatcher.aclose()
            await records.aclose()
            await client.aclose()

    async def _announce(self, stopped: asyncio.Event) -> None:
        client = async_client(self._redis_url, max_connections=1)
        try:
            await keep_announcing(client, self._consumer, self._own_products or (), stopped)
        finally:
            await client.aclose()

    async def _ingest(self, broker: Broker, stopped: asyncio.Event) -> None:
        records = self._connect(4)
        client = async_client(self._redis_url, max_connections=16, socket_timeout_s=10.0)
        metrics = Metrics(client)
        dispatcher = Dispatcher(
            records, broker, client, metrics, max_in_flight=self._settings.max_in_flight, lease_s=self._settings.lease_s
        )
        served = ServedProducts(client, self._own_products)
        try:
            async with asyncio.TaskGroup() as tasks:
                for product in Product:
                    intake = TaskListConsumer(
                        product,
                        self._consumer,
                        client,
                        records,
                        is_served=served.is_served,
                        progress_ttl_s=self._settings.progress_ttl_s,
                    )
                    tasks.create_task(intake.run(stopped))
                tasks.create_task(dispatcher.run(stopped))
                while not stopped.is_set():
                    try:
                        await requeue_abandoned(client)
                    except redis.exceptions.RedisError as error:
                        log.warning("abandoned_tasks_not_requeued", error=type(error).__name__)
                    await wait_or_stop(stopped, RETURN_INTERVAL_S)
        finally:
            await metrics.aclose()
            await records.aclose()
            await client.aclose()


def _stop_event_loop() -> None:
    if loop := get_event_loop_thread():
        loop.stop()
        set_event_loop_thread(None)
