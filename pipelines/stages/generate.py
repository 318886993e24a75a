"""Generate: have a provider make the pictures, paying for each of them once where that can be known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from pipelines.engine.insist import insist
from pipelines.engine.places import at_rest
from pipelines.engine.policy import Retry, decide
from pipelines.products import PRODUCTS
from pipelines.stages.batch import BatchProgress
from pipelines.stages.resize import read_scratch
from providers.fetch import Fetcher
from providers.images.base import GeneratedImage, ImageRequest
from providers.progress import ProgressLog
from providers.records import Records
from providers.scratch.base import Scratch
from schemas.common import JobState, StageName
from schemas.errors import Ambiguous, DarkroomError, Fenced
from schemas.job import Call, Job, Picture


class Generator(Protocol):
    """Whoever chooses the provider: the router."""

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_work: Callable[[str, str], Awaitable[None]] | None = None,
        on_call: Callable[[Call], Awaitable[None]] | None = None,
        resume: tuple[str, str] | None = None,
    ) -> GeneratedImage:
        """Make a picture; see `providers.images.router.Router.generate`."""


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
            DarkroomError: As `ImageProvider.generate`.
        """
        journal = await self._journal(job)
        inputs = tuple([await read_scratch(self._scratch, name) for name in job.input_scratch])
        batch = BatchProgress(job, self._records, self._progress, done=len(journal.get("pictures", {})))
        with at_rest():
            made = await asyncio.gather(
                *(self._picture(job, index, inputs, journal, batch) for index in range(len(job.pictures))),
                return_exceptions=True,
            )
        done = [item for item in made if not isinstance(item, BaseException)]
        self._judge([item for item in made if isinstance(item, BaseException)], job, some_worked=bool(done))
        job = job.model_copy(update=_sum(done))
        await self._write(job, ["generated"], _generated(job))
        return job

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

    async def _journal(self, job: Job) -> dict[str, Any]:
        row = await self._records.job(job.task_id)
        if row is None or row.token != job.token or row.state is not JobState.RUNNING:
            raise Fenced("the job is not ours to pay for")
        return row.journal

    async def _picture(
        self, job: Job, index: int, inputs: tuple[bytes, ...], journal: dict[str, Any], batch: BatchProgress
    ) -> dict[str, Any]:
        key = str(index)
        known = journal.get("pictures", {}).get(key)
        if known is not None:
            return dict(known)
        started = journal.get("calls", {}).get(key) or {}
        resume = (started["provider"], started["id"]) if started else None
        begun = bool(started)

        async def on_work(provider: str, provider_id: str) -> None:
            nonlocal begun
            begun = True
            await self._write(job, ["calls", key], {"provider": provider, "id": provider_id}, provider_id)

        calls: list[Call] = []

        async def on_call(call: Call) -> None:
            calls.append(call)

        try:
            image = await self._generator.generate(
                self._request(job, index, inputs), on_work=on_work, on_call=on_call, resume=resume
            )
        except DarkroomError as error:
            if calls:
                tried = {"calls": [call.model_dump(mode="json") for call in calls]}
                await self._write(job, ["tried", f"{job.token}.{job.attempt}.{key}"], tried)
            # Only work that may still be going on is worth asking about again.
            if begun and not isinstance(error, Ambiguous):
                await self._write(job, ["calls", key], {})
            raise
        made = await self._keep(job, index, image, calls)
        if len(job.pictures) > 1:
            await self._write(job, ["pictures", key], made)
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

    async def _keep(self, job: Job, index: int, image: GeneratedImage, calls: list[Call]) -> dict[str, Any]:
        name: str | None = f"{job.task_id}/made-{index}"
        data = image.data
        stages = PRODUCTS[job.product].stages
        if data is None and StageName.FETCH not in stages[stages.index(StageName.GENERATE) :]:
            data = await self._fetcher.fetch(image.url or "", subject="The generated picture")
        if data is None:
            name = None
        else:
            await self._scratch.write(name or "", data)
        picture = Picture(
            scratch=name, source_url=None if name else image.url, provider=image.provider, model=image.model
        )
        return {
            "picture": picture.model_dump(mode="json", exclude_defaults=True),
            "calls": [call.model_dump(mode="json") for call in calls],
            "input_tokens": image.input_tokens,
            "output_tokens": image.output_tokens,
        }

    async def _write(self, job: Job, path: list[str], value: Any, provider_job_id: str | None = None) -> None:
        spent = sum(call["cost_usd"] for call in value.get("calls", ())) if path[0] in {"generated", "tried"} else 0.0

        def write() -> Awaitable[bool]:
            return self._records.journal(
                job.task_id, job.token, path, value, provider_job_id=provider_job_id, spent_usd=spent
            )

        if not await insist(write):
            raise Fenced("lost the job while generating")


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
