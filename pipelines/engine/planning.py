"""Plans a job from its row: its contents and the stages it still has to pass."""

from __future__ import annotations

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
    """Return the job of a row that was just dispatched, recovered or ended.

    A job whose journal holds its pictures starts with these; a completed one with its outcome.

    Raises:
        InvalidRow: The payload can't be used. Never raised for a job that has ended: its payload is not needed.
    """
    try:
        plan = PRODUCTS[row.product].plan(TASK_TYPES[row.product].model_validate(row.payload))
        return _job(row, plan)
    except (KeyError, TypeError, ValueError) as error:
        if not row.state.terminal:
            raise InvalidRow(f"{type(error).__name__} in the row of {row.task_id}") from None
        return _job(row, Plan(prompt="", count=0))


def ended_job(row: JobRow, failure: Failure, refunded: int) -> Job:
    """Return the job of a row that was just failed, with the credits `refunded`, for its notification."""
    ended = row.model_copy(update={"state": JobState.FAILED, "failure": failure.model_dump(mode="json")})
    return plan_job(ended).model_copy(update={"refunded": refunded})


def stages_left(row: JobRow) -> tuple[StageName, ...]:
    """Return the stages that a dispatched, recovered or ended job still has to pass."""
    stages = PRODUCTS[row.product].stages
    if row.state.terminal:
        return (StageName.NOTIFY,)
    if "generated" in row.journal:
        return stages[stages.index(StageName.GENERATE) + 1 :]
    return stages


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
        producer_prompt=plan.producer_prompt,
        params=plan.params or {},
        pictures=tuple(Picture() for _ in range(plan.count)),
        failure=Failure.model_validate(row.failure) if row.failure else None,
    )
    made = row.outcome or row.journal.get("generated")
    if made is not None:
        job = Job.model_validate(job.model_dump() | {key: made[key] for key in made if key in Job.model_fields})
    return job
