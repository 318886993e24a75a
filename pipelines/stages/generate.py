"""Generate: buy the pictures from a provider, each of them once as far as that can be known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pipelines.products import PRODUCTS
from pipelines.retrying.retry_policy import Retry, decide
from pipelines.retrying.stage_context import waiting_on_io
from pipelines.retrying.unavailable import finish_when_cancelled
from pipelines.stages.batch import BatchProgress
from pipelines.stages.job_journal import JobJournal
from pipelines.stages.paid_picture import PaidPicture, PictureServices
from pipelines.stages.resize import read_scratch
from providers.images.base import ImageRequest
from providers.progress import ProgressLog
from providers.records import Records
from schemas.common import StageName
from schemas.errors import DarkroomError, Fenced
from schemas.job import Call, Job, Picture


class Generate:
    """The stage `generate`: makes a job's pictures concurrently and journals each as soon as it is made."""

    def __init__(  # noqa: PLR0913  the services and limits of the stage
        self,
        services: PictureServices,
        *,
        records: Records,
        progress: ProgressLog,
        deadline_s: float,
        max_retries: int,
        keep_partial: bool = False,
    ) -> None:
        """Use these services and limits.

        Args:
            services: Generate, copy and store the pictures.
            records: Stores the journal and the progress.
            progress: Publishes each finished picture of a batch.
            deadline_s: Time limit for one picture, in seconds.
            max_retries: Maximum number of retries of the stage.
            keep_partial: Whether a batch keeps its finished pictures after the others have failed permanently.
        """
        self._services = services
        self._records = records
        self._progress = progress
        self._deadline_s = deadline_s
        self._max_retries = max_retries
        self._keep_partial = keep_partial

    async def __call__(self, job: Job) -> Job:
        """Return the job with its pictures.

        Raises:
            Fenced: Another worker owns the job, or the job has ended.
            Unavailable: The database, the scratch store or Redis can't be reached; no call was made.
            DarkroomError: As `ImageProvider.generate`.
        """
        journal = JobJournal(job, self._records)
        journalled = await journal.read()
        if "generated" in journalled:
            # An earlier delivery stored the pictures but stopped before it enqueued the next stage.
            return Job.model_validate(job.model_dump() | journalled["generated"])
        inputs = tuple([await read_scratch(self._services.scratch, name) for name in job.input_scratch])
        batch = BatchProgress(job, self._records, self._progress, done=len(journalled.get("pictures", {})))
        with waiting_on_io():
            made = await asyncio.gather(
                *(self._picture(job, index, inputs, journal, journalled, batch) for index in range(len(job.pictures))),
                return_exceptions=True,
            )
        done = [item for item in made if not isinstance(item, BaseException)]
        errors = [item for item in made if isinstance(item, BaseException)]
        self._raise_decisive_error(errors, job, any_succeeded=bool(done))
        generated = job.model_copy(update=_totals(done))
        if len(job.pictures) > 1:
            await finish_when_cancelled(journal.write(["generated"], _journal_entry(generated)))
        return generated

    def _raise_decisive_error(self, errors: list[BaseException], job: Job, *, any_succeeded: bool) -> None:
        """Raise the error that fails or retries the whole job, if there is one.

        With `keep_partial` a retryable error is raised before a final one, and a final one only if no picture
        succeeded. Otherwise a final error is raised first, so that no retry pays for more pictures.
        """
        for error in errors:
            if not isinstance(error, DarkroomError) or isinstance(error, Fenced):
                raise error
        faults = [error for error in errors if isinstance(error, DarkroomError)]
        retryable = sorted(filter(self._is_retryable(job), faults), key=lambda error: -(error.retry_after or 0))
        final = [error for error in faults if error not in retryable]
        decisive = final or retryable
        if self._keep_partial:
            decisive = retryable or ([] if any_succeeded else final)
        if decisive:
            raise decisive[0]

    def _is_retryable(self, job: Job) -> Callable[[DarkroomError], bool]:
        return lambda error: isinstance(decide(error, job.attempt, max_retries=self._max_retries), Retry)

    async def _picture(  # noqa: PLR0913, PLR0917  the state shared by a batch
        self, job: Job, index: int, inputs: tuple[bytes, ...], journal: JobJournal, journalled: dict[str, Any],
        batch: BatchProgress,
    ) -> dict[str, Any]:  # fmt: skip
        key = str(index)
        stages = PRODUCTS[job.product].stages
        copied_later = StageName.FETCH in stages[stages.index(StageName.GENERATE) :]

        async def record(made: dict[str, Any], spent_usd: float) -> None:
            complete = copied_later or "source_url" not in made["picture"]
            if complete and len(job.pictures) == 1:
                generated = _journal_entry(job.model_copy(update=_totals([made])))
                await journal.write(["generated"], generated, spent_usd=spent_usd)
            else:
                await journal.write(["pictures", key], made, spent_usd=spent_usd)

        known = journalled.get("pictures", {}).get(key)
        picture = PaidPicture(
            job, self._request(job, index, inputs), self._services, copies_remote=not copied_later, journal=journal,
            record=record,
        )  # fmt: skip
        made = await picture.make(known, journalled.get("calls", {}).get(key) or {})
        if known is None and len(job.pictures) > 1:
            await batch.picture_finished()
        return made

    def _request(self, job: Job, index: int, inputs: tuple[bytes, ...]) -> ImageRequest:
        spec = PRODUCTS[job.product]
        return ImageRequest(
            task_id=job.task_id,
            owner_id=job.owner_id,
            index=index,
            attempt=job.attempt,
            prompt=job.prompt,
            producer_prompt=job.producer_prompt,
            inputs=inputs,
            width=spec.width,
            height=spec.height,
            deadline_s=self._deadline_s,
        )


def _totals(made: list[dict[str, Any]]) -> dict[str, Any]:
    calls = tuple(Call.model_validate(call) for item in made for call in item["calls"])
    return {
        "pictures": tuple(Picture.model_validate(item["picture"]) for item in made),
        "calls": calls,
        "input_tokens": sum(item["input_tokens"] for item in made),
        "output_tokens": sum(item["output_tokens"] for item in made),
        "cost_usd": round(sum(call.cost_usd for call in calls), 6),
    }


def _journal_entry(job: Job) -> dict[str, Any]:
    kept = {"pictures", "calls", "input_tokens", "output_tokens", "cost_usd"}
    return job.model_dump(mode="json", include=kept)
