"""Generate: have a provider make the pictures, paying for each of them once where that can be known."""

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
from pipelines.stages.paid_picture import Generator, PaidPicture
from pipelines.stages.resize import read_scratch
from providers.fetch import Fetcher
from providers.images.base import ImageRequest
from providers.progress import ProgressLog
from providers.records import Records
from providers.scratch.base import Scratch
from schemas.common import StageName
from schemas.errors import DarkroomError, Fenced
from schemas.job import Call, Job, Picture


class Generate:
    """Makes the pictures of one job, side by side, each written down as soon as it is made."""

    def __init__(  # noqa: PLR0913  whoever pays, and everything that is paid for
        self,
        *,
        generator: Generator,
        fetcher: Fetcher,
        scratch: Scratch,
        records: Records,
        progress: ProgressLog,
        deadline_s: float,
        max_retries: int,
        keep_partial: bool = False,
    ) -> None:
        """Generate with `generator`.

        Args:
            generator: Who chooses the provider.
            fetcher: Copies a provider's picture at once where no stage after this one does.
            scratch: Where bytes lie between stages.
            records: Where finished pictures are written down.
            progress: Where subscribers see each finished picture of a batch.
            deadline_s: Seconds for one picture.
            max_retries: How often the stage is tried again.
            keep_partial: Whether a batch keeps what worked when the rest of it failed for good.
        """
        self._generator = generator
        self._fetcher = fetcher
        self._scratch = scratch
        self._records = records
        self._progress = progress
        self._deadline_s = deadline_s
        self._max_retries = max_retries
        self._keep_partial = keep_partial

    async def __call__(self, job: Job) -> Job:
        """The job with its pictures.

        Raises:
            Fenced: Another worker owns the job, or it ended: nothing is paid for.
            Unavailable: The database, the scratch store or Redis is; nothing is paid for.
            DarkroomError: As `ImageProvider.generate`.
        """
        journal = JobJournal(job, self._records)
        written = await journal.read()
        if "generated" in written:
            # An earlier delivery stored the pictures and was stopped before the job could go on.
            return Job.model_validate(job.model_dump() | written["generated"])
        inputs = tuple([await read_scratch(self._scratch, name) for name in job.input_scratch])
        batch = BatchProgress(job, self._records, self._progress, done=len(written.get("pictures", {})))
        with waiting_on_io():
            made = await asyncio.gather(
                *(self._picture(job, index, inputs, journal, written, batch) for index in range(len(job.pictures))),
                return_exceptions=True,
            )
        done = [item for item in made if not isinstance(item, BaseException)]
        self._judge([item for item in made if isinstance(item, BaseException)], job, some_worked=bool(done))
        generated = job.model_copy(update=_sum(done))
        if len(job.pictures) > 1:
            await finish_when_cancelled(journal.write(["generated"], _generated(generated)))
        return generated

    def _judge(self, errors: list[BaseException], job: Job, *, some_worked: bool) -> None:
        """Raise the error that decides about the whole job, if one does.

        A batch that keeps what worked ends only when no picture can be tried again; any other one as soon as a picture
        has failed for good: nothing more is paid for.
        """
        for error in errors:
            if not isinstance(error, DarkroomError) or isinstance(error, Fenced):
                raise error
        faults = [error for error in errors if isinstance(error, DarkroomError)]
        passing = sorted(filter(self._passes(job), faults), key=lambda error: -(error.retry_after or 0))
        final = [error for error in faults if error not in passing]
        decisive = final or passing
        if self._keep_partial:
            decisive = passing or ([] if some_worked else final)
        if decisive:
            raise decisive[0]

    def _passes(self, job: Job) -> Callable[[DarkroomError], bool]:
        return lambda error: isinstance(decide(error, job.attempt, max_retries=self._max_retries), Retry)

    async def _picture(  # noqa: PLR0913, PLR0917  one picture of a batch
        self, job: Job, index: int, inputs: tuple[bytes, ...], journal: JobJournal, written: dict[str, Any],
        batch: BatchProgress,
    ) -> dict[str, Any]:  # fmt: skip
        key = str(index)
        stages = PRODUCTS[job.product].stages
        copied_later = StageName.FETCH in stages[stages.index(StageName.GENERATE) :]

        async def record(made: dict[str, Any], spent_usd: float) -> None:
            complete = copied_later or "source_url" not in made["picture"]
            if complete and len(job.pictures) == 1:
                generated = _generated(job.model_copy(update=_sum([made])))
                await journal.write(["generated"], generated, spent_usd=spent_usd)
            else:
                await journal.write(["pictures", key], made, spent_usd=spent_usd)

        known = written.get("pictures", {}).get(key)
        picture = PaidPicture(
            job, self._request(job, index, inputs), generator=self._generator,
            fetcher=None if copied_later else self._fetcher, scratch=self._scratch, journal=journal, record=record,
        )  # fmt: skip
        made = await picture.make(known, written.get("calls", {}).get(key) or {})
        if known is None and len(job.pictures) > 1:
            await batch.one_more()
        return made

    def _request(self, job: Job, index: int, inputs: tuple[bytes, ...]) -> ImageRequest:
        spec = PRODUCTS[job.product]
        return ImageRequest(
            task_id=job.task_id,
            owner_id=job.owner_id,
            index=index,
            attempt=job.attempt,
            prompt=job.prompt,
            inputs=inputs,
            width=spec.width,
            height=spec.height,
            deadline_s=self._deadline_s,
        )


def _sum(made: list[dict[str, Any]]) -> dict[str, Any]:
    calls = tuple(Call.model_validate(call) for item in made for call in item["calls"])
    return {
        "pictures": tuple(Picture.model_validate(item["picture"]) for item in made),
        "calls": calls,
        "input_tokens": sum(item["input_tokens"] for item in made),
        "output_tokens": sum(item["output_tokens"] for item in made),
        "cost_usd": round(sum(call.cost_usd for call in calls), 6),
    }


def _generated(job: Job) -> dict[str, Any]:
    kept = {"pictures", "calls", "input_tokens", "output_tokens", "cost_usd"}
    return job.model_dump(mode="json", include=kept)
