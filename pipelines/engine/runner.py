"""Runs jobs: the actor of every stage, and the stages of a job one after another in this process.

A stage that is enqueued costs its job an enqueued, a fetched and an acknowledged message and two changes of thread,
more than most stages cost. So a job is enqueued only where its next stage runs in another process or has no free slot
here; then the worker that fetches its message claims it.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import dramatiq
import redis.exceptions
import structlog
from dramatiq import Message
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import CurrentMessage
from pydantic import ValidationError

from pipelines.engine.dramatiq_redis.broker import Broker, QueueUnreachable
from pipelines.engine.messages import enqueue_next_stage, enqueue_notify, enqueue_retry, next_message
from pipelines.engine.outcome import Advance, NotifyOutcome, RetryStage, StageOutcome
from pipelines.engine.running_jobs import RunningJob, StopReason
from pipelines.engine.slots import Slot
from pipelines.engine.stage_run import Next, StageMiddleware, StageRun, StageServices
from pipelines.retrying.unavailable import retry_while_unavailable
from schemas.common import StageName
from schemas.errors import Unavailable
from schemas.job import Job

log = structlog.get_logger(__name__)

StageFunction = Callable[[Job], Awaitable[Job]]


class StageRunner:
    """Declares stages as actors, each on the queue of its name, and runs the jobs that their messages bring.

    An actor only starts the job on the event loop, so a waiting job holds no thread. Then its message is acknowledged;
    from there on the job is protected by its claim and the worker's heartbeat.
    """

    def __init__(self, broker: Broker, services: Callable[[], StageServices], *, lease_s: float) -> None:
        """Declare actors.

        Args:
            broker: Where to declare them.
            services: Called when a job starts.
            lease_s: Seconds in which a job that was handed over must be claimed, besides its delay.
        """
        self._broker = broker
        self._services = services
        self._lease_s = lease_s
        self._functions: dict[StageName, StageFunction] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def declare(self, stage: StageName, function: StageFunction) -> dramatiq.Actor[[dict[str, Any]], None]:
        """Declare and return the actor of `stage`."""

        def actor(payload: dict[str, Any]) -> None:
            self._start_job(stage, payload)

        actor.__doc__ = function.__doc__
        self._functions[stage] = function
        return dramatiq.actor(actor_name=stage.value, queue_name=stage.value, broker=self._broker)(actor)

    @functools.cached_property
    def _run_stage(self) -> Next:
        return wrap([layer for layer in self._broker.middleware if isinstance(layer, StageMiddleware)])

    def _start_job(self, stage: StageName, payload: dict[str, Any]) -> None:
        message = CurrentMessage.get_current_message()
        loop = get_event_loop_thread()
        if message is None or loop is None:
            raise RuntimeError(f"{stage} was called outside a worker")
        try:
            job = Job.model_validate(payload)
        except ValidationError as error:
            # Most likely sent by a newer version. The job is recovered, as it is not claimed in time.
            log.error(  # noqa: TRY400  the traceback has the payload
                "job_message_unreadable", task_id=message.options.get("task_id"), session_id=payload.get("session_id"),
                request_id=payload.get("request_id"), stage=stage, faults=error.error_count(),
            )  # fmt: skip
            return
        slot = self._broker.slots.claim(message.options["redis_message_id"])
        loop.loop.call_soon_threadsafe(self._create_task, message, job, slot)

    def _create_task(self, message: Message[Any], job: Job, slot: Slot) -> None:
        task = asyncio.get_running_loop().create_task(self._run_job(message, job, slot))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_job(self, message: Message[Any], job: Job, slot: Slot) -> None:
        services = self._services()
        try:
            with (
                slot.bind(),
                services.scratch.caching(job.task_id),
                structlog.contextvars.bound_contextvars(
                    task_id=job.task_id, session_id=job.session_id, request_id=job.request_id
                ),
                services.running_jobs.track(job.task_id, StageName(message.actor_name)) as running_job,
            ):
                if self._broker.slots.closed:
                    # Its message was fetched before the worker began to stop.
                    running_job.cancel(StopReason.SHUTDOWN)
                last, outcome = await run_stages(
                    message, job, running_job,
                    stages=self._functions, run_stage=self._run_stage, slot=slot, services=services,
                )  # fmt: skip
                log.info("stages_ended", token=running_job.token, seconds=running_job.stage_seconds)
                await apply_outcome(self._broker, services, last, outcome, running_job, lease_s=self._lease_s)
        except Exception:
            # Heartbeats don't name the job any more: it is given up and recovered.
            log.exception(
                "stage_crashed_outside", task_id=job.task_id, session_id=job.session_id, request_id=job.request_id
            )
        finally:
            slot.release()


def wrap(middleware: Sequence[StageMiddleware]) -> Next:
    """Return a function that runs a stage inside `middleware`, outermost first."""
    call: Next = _run_function
    for layer in reversed(middleware):
        call = functools.partial(layer.run_stage, call_next=call)
    return call


async def run_stages(  # noqa: PLR0913  a job, and the parts of its process
    message: Message[Any],
    job: Job,
    running_job: RunningJob,
    *,
    stages: Mapping[StageName, StageFunction],
    run_stage: Next,
    slot: Slot,
    services: StageServices,
) -> tuple[Message[Any], StageOutcome]:
    """Run the stage of `message` and those that follow it, while this process has a free slot for the next one.

    Args:
        message: The fetched message.
        job: The job it brought.
        running_job: The job's entry among the jobs of this process.
        stages: The functions of all stages.
        run_stage: Runs one stage inside the middleware.
        slot: The job's slot.
        services: The connections of this process.

    Returns:
        The message of the last stage that ran, and what follows it.
    """
    current = message
    while True:
        stage = StageName(current.actor_name)
        outcome = await run_stage(
            StageRun(
                stage, job, running_job, stages[stage], services,
                in_process=current is not message,
            )
        )  # fmt: skip
        following = next_message(current)
        if not isinstance(outcome, Advance) or following is None or not slot.transfer(following.queue_name):
            return current, outcome
        current, job = following, outcome.job.model_copy(update={"attempt": 0})
        running_job.begin_stage(StageName(current.actor_name))


async def apply_outcome(  # noqa: PLR0913  a job, and the parts of its process
    broker: Broker,
    services: StageServices,
    current: Message[Any],
    outcome: StageOutcome,
    running_job: RunningJob,
    *,
    lease_s: float,
) -> None:
    """Save the job's cached files, enqueue what follows the stage of `current`, and hand the job over.

    This is retried while Redis, the scratch store or the database is unavailable, for as long as the job belongs to
    this worker: its heartbeats name the job meanwhile, so an outage uses up no recovery. No time limit counts.
    """
    step = _next_message(broker, current, outcome)
    if step is None:
        return
    job, delay_s, enqueue = step

    async def save_and_enqueue() -> None:
        if not isinstance(outcome, NotifyOutcome):
            await services.scratch.flush(job.task_id)
        try:
            await asyncio.to_thread(enqueue)
        except redis.exceptions.RedisError as error:
            raise QueueUnreachable(f"enqueueing the next stage: {type(error).__name__}") from error

    try:
        for operation in (
            save_and_enqueue,
            # After the message: a worker that claims the job before this owns it, and this changes nothing.
            lambda: services.records.workers.expect_claim(job.task_id, job.token, delay_s + lease_s),
        ):
            await retry_while_unavailable(operation, give_up_if=lambda: running_job.handed_over)
    except Unavailable:
        log.exception("next_stage_not_enqueued", task_id=job.task_id, stage=running_job.stage.value)


def _next_message(
    broker: Broker, current: Message[Any], outcome: StageOutcome
) -> tuple[Job, float, Callable[[], None]] | None:
    """Return the job, the delay in seconds, and a function that enqueues its next message; None if there is none."""
    match outcome:
        case Advance(job) if next_message(current) is not None:
            return job, 0.0, functools.partial(enqueue_next_stage, broker, current, job)
        case RetryStage(job, delay_s):
            return job, delay_s, functools.partial(enqueue_retry, broker, current, job, delay_s)
        case NotifyOutcome(job):
            return job, 0.0, functools.partial(enqueue_notify, broker, job)
        case _:
            return None


async def _run_function(run: StageRun) -> StageOutcome:
    job = await run.function(run.job)
    if job.failure is None or run.stage is StageName.NOTIFY:
        return Advance(job)
    return NotifyOutcome(job.model_copy(update={"attempt": 0, "delivery": 0}))
