"""The one decorator that turns a stage into an actor, and the only place where stages meet Dramatiq."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import dramatiq
import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import CurrentMessage
from pydantic import ValidationError

from pipelines.engine.broker import Broker
from pipelines.engine.carry import StageFunction, carry
from pipelines.engine.hand_on import carry_out
from pipelines.engine.places import Place
from pipelines.engine.registry import Registry, Stop
from pipelines.engine.steps import StageMiddleware
from providers.scratch.held import HeldScratch
from schemas.common import StageName
from schemas.job import Job

log = structlog.get_logger(__name__)


class Runtime(Protocol):
    """What a worker process has ready for its stages."""

    @property
    def registry(self) -> Registry:
        """What this process works on."""

    @property
    def middleware(self) -> Sequence[StageMiddleware]:
        """What surrounds every stage, outermost first."""

    @property
    def scratch(self) -> HeldScratch:
        """What holds the bytes of the jobs in hand."""

    @property
    def lease_s(self) -> float:
        """Seconds a lease lasts."""


class Stages:
    """Makes actors of stages, each on the queue of its name, and knows them all.

    An actor only puts the job that its message brought onto the event loop, so a job that waits holds no thread. The
    message is acknowledged then: a job in hand is kept by its lease, and a worker that dies loses both alike.
    """

    def __init__(self, broker: Broker, runtime: Callable[[], Runtime]) -> None:
        """Declare actors at `broker`; `runtime` is asked when they run."""
        self._broker = broker
        self._runtime = runtime
        self._functions: dict[StageName, StageFunction] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, name: StageName) -> Callable[[StageFunction], dramatiq.Actor[[dict[str, Any]], None]]:
        """The decorator of one stage.

        The job's lease is kept while the stage is worked on, surrounded by the middleware, and all that follow it for
        as long as there is room here; then what is left is enqueued.
        """

        def decorate(function: StageFunction) -> dramatiq.Actor[[dict[str, Any]], None]:
            def actor(payload: dict[str, Any]) -> None:
                self._take_in_hand(name, payload)

            actor.__doc__ = function.__doc__
            self._functions[name] = function
            return dramatiq.actor(actor_name=name.value, queue_name=name.value, broker=self._broker)(actor)

        return decorate

    def _take_in_hand(self, name: StageName, payload: dict[str, Any]) -> None:
        message = CurrentMessage.get_current_message()
        loop = get_event_loop_thread()
        if message is None or loop is None:
            raise RuntimeError(f"{name} was called outside a worker")
        try:
            job = Job.model_validate(payload)
        except ValidationError as error:
            # A newer worker's, most likely. Expiry of the job's lease brings it back.
            log.error(  # noqa: TRY400  the traceback has the payload
                "job_message_unreadable", task_id=message.options.get("task_id"), stage=name, faults=error.error_count()
            )
            return
        place = self._broker.places.take_over(message.options["redis_message_id"])
        loop.loop.call_soon_threadsafe(self._start, message, name, job, place)

    def _start(self, message: dramatiq.Message[Any], name: StageName, job: Job, place: Place) -> None:
        task = asyncio.get_running_loop().create_task(self._work(message, name, job, place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, message: dramatiq.Message[Any], name: StageName, job: Job, place: Place) -> None:
        now = self._runtime()
        try:
            with (
                place.here(),
                now.scratch.in_hand(job.task_id),
                now.registry.track(job.task_id, job.token, name) as work,
            ):
                if self._broker.places.closed:
                    # Its message was fetched before the worker began to leave.
                    work.halt(Stop.SHUTDOWN)
                at, step = await carry(
                    message, job, work, stages=self._functions, middleware=now.middleware, place=place
                )
                log.info(
                    "job_carried", task_id=job.task_id, session_id=job.session_id, request_id=job.request_id,
                    token=job.token, seconds=work.seconds,
                )  # fmt: skip
                await carry_out(self._broker, now.scratch, at, step, work, patience_s=now.lease_s)
        except Exception:
            # Nobody renews the lease now, and the job is driven again when it runs out.
            log.exception("delivery_failed", task_id=job.task_id, request_id=job.request_id)
        finally:
            place.leave()
