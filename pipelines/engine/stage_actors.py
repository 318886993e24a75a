"""The one decorator that turns a stage into an actor, and the only slot where stages meet Dramatiq."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import dramatiq
import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import CurrentMessage
from pydantic import ValidationError

from pipelines.engine.apply_outcome import apply_outcome
from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.outcome import StageMiddleware
from pipelines.engine.runner import StageFunction, run_stages
from pipelines.engine.running_jobs import RunningJobs, StopReason
from pipelines.engine.slots import Slot
from providers.scratch.cached import CachedScratch
from schemas.common import StageName
from schemas.job import Job

log = structlog.get_logger(__name__)


class Runtime(Protocol):
    """What a worker process has ready for its stages."""

    @property
    def registry(self) -> RunningJobs:
        """What this process works on."""

    @property
    def middleware(self) -> Sequence[StageMiddleware]:
        """What surrounds every stage, outermost first."""

    @property
    def scratch(self) -> CachedScratch:
        """What holds the bytes of the jobs in hand."""


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
                "job_message_unreadable", task_id=message.options.get("task_id"), session_id=payload.get("session_id"),
                request_id=payload.get("request_id"), stage=name, faults=error.error_count(),
            )  # fmt: skip
            return
        slot = self._broker.slots.take_over(message.options["redis_message_id"])
        loop.loop.call_soon_threadsafe(self._start, message, name, job, slot)

    def _start(self, message: dramatiq.Message[Any], name: StageName, job: Job, slot: Slot) -> None:
        task = asyncio.get_running_loop().create_task(self._work(message, name, job, slot))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, message: dramatiq.Message[Any], name: StageName, job: Job, slot: Slot) -> None:
        now = self._runtime()
        try:
            with (
                slot.here(),
                now.scratch.caching(job.task_id),
                structlog.contextvars.bound_contextvars(
                    task_id=job.task_id, session_id=job.session_id, request_id=job.request_id
                ),
                now.registry.track(job.task_id, job.token, name) as work,
            ):
                if self._broker.slots.closed:
                    # Its message was fetched before the worker began to leave.
                    work.halt(StopReason.SHUTDOWN)
                at, outcome = await run_stages(
                    message, job, work, stages=self._functions, middleware=now.middleware, slot=slot
                )
                log.info("stages_completed", token=job.token, seconds=work.seconds)
                await apply_outcome(self._broker, now.scratch, at, outcome, work)
        except Exception:
            # Nobody renews the lease now, and the job is driven again when it runs out.
            log.exception(
                "stage_crashed_outside", task_id=job.task_id, session_id=job.session_id, request_id=job.request_id
            )
        finally:
            slot.leave()
