"""Puts jobs on their way: from a row of the table to the first message of a pipeline."""

from __future__ import annotations

import time
from typing import Any

from dramatiq import Message, pipeline

from pipelines.engine.dramatiq_redis.broker import Broker, job_message, message_options
from pipelines.products import PRODUCTS
from pipelines.products.base import Plan
from schemas.common import JobState, StageName
from schemas.errors import Invalid
from schemas.job import Failure, Job, Picture
from schemas.records import JobRow
from schemas.tasks import TASK_TYPES


class InvalidRow(Invalid):
    """The task could not be processed because it is not valid."""


def plan_job(row: JobRow) -> Job:
    """The job of a row that was just started or taken over.

    Where the journal says that the pictures were generated, the job goes on from there; one that was completed has what
    it made.

    Raises:
        InvalidRow: The payload can't be used. A job that has ended needs none.
    """
    try:
        plan = PRODUCTS[row.product].plan(TASK_TYPES[row.product].model_validate(row.payload))
        return _job(row, plan)
    except (KeyError, TypeError, ValueError) as error:
        if not row.state.terminal:
            raise InvalidRow(f"{type(error).__name__} in the row of {row.task_id}") from None
        return _job(row, Plan(prompt="", count=0))


def _job(row: JobRow, plan: Plan) -> Job:
    job = Job(
        product=row.product,
        task_id=row.task_id,
        session_id=row.session_id,
        owner_id=row.owner_id,
        user_id=row.user_id,
        channel=row.channel,
        request_id=row.request_id,
        run=row.run,
        token=row.token,
        inputs=plan.inputs,
        prompt=plan.prompt,
        params=plan.params or {},
        pictures=tuple(Picture() for _ in range(plan.count)),
        started_ms=round((row.dispatched_at.timestamp() if row.dispatched_at else time.time()) * 1000),
        failure=Failure.model_validate(row.failure) if row.failure else None,
    )
    made = row.outcome or row.journal.get("generated")
    if made is not None:
        job = Job.model_validate(job.model_dump() | {key: made[key] for key in made if key in Job.model_fields})
    return job


def ended_job(row: JobRow, failure: Failure, refunded: int) -> Job:
    """Return the job of a row that was just failed, for its deliveries."""
    ended = row.model_copy(update={"state": JobState.FAILED, "failure": failure.model_dump(mode="json")})
    return plan_job(ended).model_copy(update={"refunded": refunded})


def stages_left(row: JobRow) -> tuple[StageName, ...]:
    """The stages that a started or taken-over job still has to pass."""
    stages = PRODUCTS[row.product].stages
    if row.state.terminal:
        return (StageName.NOTIFY,)
    if "generated" in row.journal:
        return stages[stages.index(StageName.GENERATE) + 1 :]
    return stages


def enqueue_first_stage(broker: Broker, row: JobRow) -> None:
    """Enqueue the first message of what the job still has to pass.

    Raises:
        redis.exceptions.RedisError: The queue can't be reached; the job's lease brings it back.
    """
    job = plan_job(row)
    messages = [job_message(stages_left(row)[0], job), *(_later(stage) for stage in stages_left(row)[1:])]
    pipeline(messages, broker=broker).run()


def next_message(message: Message[Any]) -> Message[Any] | None:
    """The message of the stage after `message`'s, if there is one; it brings no job yet."""
    target = message.options.get("pipe_target")
    return None if target is None else Message(**target)


def enqueue_next_stage(broker: Broker, at: Message[Any], job: Job) -> None:
    """Enqueue the stage after `at`'s, if there is one, with `job`. Trying again is safe.

    Raises:
        redis.exceptions.RedisError: The queue can't be reached.
    """
    message = next_message(at)
    if message is not None:
        broker.enqueue(_bring(message, job.model_copy(update={"attempt": 0, "delivery": 0})))


def enqueue_retry(broker: Broker, at: Message[Any], job: Job, delay_s: float) -> None:
    """Enqueue `at`'s stage once more, after `delay_s` seconds. Trying again is safe."""
    broker.enqueue(_bring(at, job), delay=round(delay_s * 1000) or None)


def enqueue_notify(broker: Broker, job: Job) -> None:
    """Enqueue the telling of an outcome. Trying again is safe."""
    broker.enqueue(job_message(StageName.NOTIFY, job))


def _later(stage: StageName) -> Message[Any]:
    return Message(queue_name=stage, actor_name=stage, args=(), kwargs={}, options={})


def _bring(message: Message[Any], job: Job) -> Message[Any]:
    kept = {key: value for key, value in message.options.items() if key == "pipe_target"}
    fresh: Message[Any] = Message(
        queue_name=message.actor_name,
        actor_name=message.actor_name,
        args=(job.model_dump(mode="json", exclude_defaults=True),),
        kwargs={},
        options=kept | message_options(message.actor_name, job),
    )
    return fresh
