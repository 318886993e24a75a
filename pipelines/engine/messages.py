"""The messages that bring jobs to the queues of their stages.

A job's first message holds the messages of its later stages, as `dramatiq.pipeline` chains them. Its id is made of the
job's token, which every claim raises, so enqueueing it again is safe.
"""

from __future__ import annotations

from typing import Any

from dramatiq import Message, pipeline

from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.planning import plan_job, stages_left
from schemas.common import StageName
from schemas.job import Job
from schemas.records import JobRow


def job_message(stage: str, job: Job) -> Message[Any]:
    """Return the message that brings `job` to `stage`."""
    return Message(
        queue_name=stage,
        actor_name=stage,
        args=(job.model_dump(mode="json", exclude_defaults=True),),
        kwargs={},
        options=message_options(job),
    )


def message_options(job: Job) -> dict[str, Any]:
    """Return the options of a job's message that the broker reads."""
    return {"task_id": job.task_id, "job_message_id": message_id(job.task_id, job.token)}


def message_id(task_id: str, token: int) -> str:
    """Return the id of the only message that the owner of a job with this token enqueues."""
    return f"{task_id}:{token}"


def next_message(message: Message[Any]) -> Message[Any] | None:
    """Return the message of the stage after `message`'s, still without a job; None after the last stage."""
    target = message.options.get("pipe_target")
    return None if target is None else Message(**target)


def enqueue_first_stage(broker: Broker, row: JobRow) -> None:
    """Enqueue the first of the stages that the job of `row` still has to pass.

    Raises:
        InvalidRow: The row can't be used.
        redis.exceptions.RedisError: Redis is unavailable; the job is recovered, as it is not claimed in time.
    """
    job = plan_job(row)
    first, *later = stages_left(row)
    pipeline([job_message(first, job), *(_message_without_job(stage) for stage in later)], broker=broker).run()


def enqueue_next_stage(broker: Broker, current: Message[Any], job: Job) -> None:
    """Enqueue the stage after `current`'s, if there is one, with `job`.

    Raises:
        redis.exceptions.RedisError: Redis is unavailable; calling again is safe.
    """
    message = next_message(current)
    if message is not None:
        broker.enqueue(_with_job(message, job.model_copy(update={"attempt": 0})))


def enqueue_retry(broker: Broker, current: Message[Any], job: Job, delay_s: float) -> None:
    """Enqueue `current`'s stage again, to run after `delay_s` seconds.

    Raises:
        redis.exceptions.RedisError: As `enqueue_next_stage`.
    """
    broker.enqueue(_with_job(current, job), delay=round(delay_s * 1000) or None)


def enqueue_notify(broker: Broker, job: Job) -> None:
    """Enqueue the `notify` stage of a job that has ended.

    Raises:
        redis.exceptions.RedisError: As `enqueue_next_stage`.
    """
    broker.enqueue(job_message(StageName.NOTIFY, job))


def _message_without_job(stage: StageName) -> Message[Any]:
    return Message(queue_name=stage, actor_name=stage, args=(), kwargs={}, options={})


def _with_job(message: Message[Any], job: Job) -> Message[Any]:
    made = job_message(message.actor_name, job)
    if "pipe_target" in message.options:
        made.options["pipe_target"] = message.options["pipe_target"]
    return made
