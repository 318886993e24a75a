"""The life of a worker process: its event loop, its services and its background threads."""

from __future__ import annotations

import asyncio
import functools
import time
import uuid

import dramatiq
import structlog
from dramatiq.asyncio import EventLoopThread, get_event_loop_thread, set_event_loop_thread
from dramatiq.logging import get_logger
from dramatiq.middleware import Middleware

from actors import queues
from actors.connections import WorkerConnections
from actors.control_loops import announce_products, dispatch_deliveries, recover_jobs, send_heartbeats
from actors.ingest import ingest
from actors.services import Services, make_services
from actors.signals import ignore_repeated_stop_signals
from pipelines.control.background import BackgroundThread, Loop, stop_all
from pipelines.control.database_contact import DatabaseContact
from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.running_jobs import RunningJobs, StopReason
from providers.process import container_name, keep_freed_memory
from schemas.common import StageName
from schemas.errors import DarkroomError
from schemas.job import JOB_VERSION
from schemas.records import WorkerInfo
from settings import Settings

log = structlog.get_logger(__name__)

#: Seconds between Dramatiq's checks for interrupts of a thread that waits for the event loop: none are used here.
INTERRUPT_CHECK_S = 3600.0
#: Threads that process messages: they only start jobs on the event loop, or wait for a sweep.
THREADS = 4
#: Seconds that cancelled jobs have to be requeued.
REQUEUE_S = 4.0
#: Seconds for closing connections when a worker stops.
CLOSE_S = 5.0
#: Loops that ingest or recover jobs: a worker that stops must not get new ones.
STOPPED_FIRST = ("announcer", "ingest", "recovery")


class WorkerMiddleware(Middleware):
    """Starts and stops everything that a worker process needs besides its actors."""

    services: Services

    def __init__(self, settings: Settings, redis_url: str, database_url: str | None) -> None:
        """Prepare; nothing connects before the worker boots, which is after the fork."""
        self._settings = settings
        self._connections = WorkerConnections(settings, redis_url, database_url)
        self._running_jobs = RunningJobs()
        self._contact = DatabaseContact(settings.lease_s)
        self._threads: list[BackgroundThread] = []
        self._stop_by = 0.0
        self._name = uuid.uuid4().hex

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Size the thread pool, start the event loop and the background threads."""
        try:
            self._boot(broker, worker)
        except Exception as error:
            # Dramatiq would log the error and continue.
            log.critical("worker_not_started", error=str(error), exc_info=not isinstance(error, DarkroomError))
            _stop_event_loop()
            raise SystemExit(1) from None

    def before_worker_shutdown(self, broker: Broker, worker: dramatiq.Worker) -> None:  # type: ignore[override]  # noqa: ARG002  Dramatiq's hook
        """Stop ingest, recovery and the start of stages; requeue jobs that outlast the grace period."""
        broker.slots.close()
        for thread in self._threads:
            thread.stop(STOPPED_FIRST)
        self._stop_by = time.monotonic() + self._settings.shutdown_grace_s + REQUEUE_S
        if not broker.slots.wait_until_empty(self._settings.shutdown_grace_s):
            self._requeue_jobs(broker)

    def after_worker_shutdown(self, broker: Broker, worker: dramatiq.Worker) -> None:  # type: ignore[override]  # noqa: ARG002  Dramatiq's hook
        """Stop the threads and close the connections."""
        # Dramatiq's threads may have started a job since.
        if not broker.slots.wait_until_empty(0):
            self._requeue_jobs(broker)
        stop_all(self._threads)
        try:
            # A job that still runs must not find its connections closed: it would fail.
            if (loop := get_event_loop_thread()) and broker.slots.wait_until_empty(0):
                loop.run_coroutine(self._close_services())
        finally:
            _stop_event_loop()

    def _boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        if not isinstance(broker, Broker):
            raise TypeError("the worker needs Darkroom's own broker")
        ignore_repeated_stop_signals()
        keep_freed_memory()
        worker.worker_threads = THREADS
        loop = EventLoopThread(get_logger(__name__, type(self)), interrupt_check_ival=INTERRUPT_CHECK_S)
        # The process ends with its main thread.
        loop.daemon = True
        loop.start(timeout=5.0)
        set_event_loop_thread(loop)
        chosen = worker.consumer_whitelist
        generates = chosen is None or StageName.GENERATE in chosen
        self.services = loop.run_coroutine(self._make_services(broker, generates=generates))
        if generates:
            self.services.generators.log_faults()
        heartbeat = functools.partial(
            send_heartbeats,
            connections=self._connections,
            worker=self._info(chosen),
            running_jobs=self._running_jobs,
        )
        self._threads = [
            # Alone, so that no other loop delays a heartbeat.
            BackgroundThread("heartbeat", {"heartbeat": heartbeat}),
            BackgroundThread("control", self._control_loops(broker, chosen)),
        ]
        for thread in self._threads:
            thread.start()
        log.info("worker_started", queues=sorted(chosen or queues.QUEUES))

    def _info(self, chosen: set[str] | None) -> WorkerInfo:
        return WorkerInfo(
            worker_id=self._name,
            host=container_name(),
            version=JOB_VERSION,
            queues=None if chosen is None else tuple(sorted(chosen)),
            slots=self._settings.worker_concurrency,
        )

    def _control_loops(self, broker: Broker, chosen: set[str] | None) -> dict[str, Loop]:
        """Return the loops that this worker runs; `chosen` are its queues and roles, None for all."""
        generates = chosen is None or StageName.GENERATE in chosen
        own_products = self.services.generators.served if generates else None
        loops: dict[str, Loop] = {
            "recovery": functools.partial(
                recover_jobs, broker=broker, contact=self._contact, connections=self._connections
            )
        }
        if own_products is not None:
            loops["announcer"] = functools.partial(
                announce_products, connections=self._connections, worker=self._name, products=own_products
            )
        if chosen is None or queues.INGEST in chosen:
            loops["ingest"] = functools.partial(
                ingest, broker=broker, consumer=self._name, own_products=own_products, connections=self._connections
            )
        if chosen is None or StageName.NOTIFY in chosen:
            loops["outbox"] = functools.partial(dispatch_deliveries, connections=self._connections)
        return loops

    def _requeue_jobs(self, broker: Broker) -> None:
        for job in self._running_jobs.snapshot():
            job.cancel(StopReason.SHUTDOWN)
        if not broker.slots.wait_until_empty(max(0.0, self._stop_by - time.monotonic())):
            # They are recovered once this worker's lease has expired.
            log.warning("jobs_not_requeued", jobs=len(self._running_jobs.snapshot()))

    async def _make_services(self, broker: Broker, *, generates: bool) -> Services:
        services = make_services(
            self._settings,
            broker,
            self._connections.redis_url,
            self._connections.records(8),
            self._running_jobs,
            self._contact,
            self._name,
        )
        if generates:
            services.generators.start()
        return services

    async def _close_services(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.services.aclose()
        except TimeoutError:
            log.warning("connections_not_closed", seconds=CLOSE_S)


def _stop_event_loop() -> None:
    if loop := get_event_loop_thread():
        loop.stop()
        set_event_loop_thread(None)
