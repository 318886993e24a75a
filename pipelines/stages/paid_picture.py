"""One picture of a job: paid for once, and stored even if our own services are unavailable for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pipelines.retrying.stage_context import time_limits_paused
from pipelines.retrying.unavailable import finish_when_cancelled, retry_while_unavailable
from pipelines.stages.job_journal import JobJournal
from providers.fetch import Fetcher
from providers.images.base import GeneratedImage, ImageRequest
from providers.scratch.base import Scratch
from schemas.errors import Ambiguous, DarkroomError, Unavailable
from schemas.job import Call, Job, Picture

#: Time to wait for the write of the provider's job id before waiting for the picture itself, in seconds.
JOB_ID_WRITE_S = 2.0


class Generator(Protocol):
    """Chooses a provider and calls it; implemented by the router."""

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_begin: Callable[[], Awaitable[None]] | None = None,
        on_work: Callable[[str, str], Awaitable[None]] | None = None,
        on_call: Callable[[Call], Awaitable[None]] | None = None,
        resume: tuple[str, str] | None = None,
    ) -> GeneratedImage:
        """Generate a picture; see `providers.images.routing.router.Router.generate`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureServices:
    """Services that generate and store pictures.

    Attributes:
        generator: Chooses the provider and calls it.
        fetcher: Copies a picture that only the provider stores, if no later stage does.
        scratch: Stores image bytes between stages.
    """

    generator: Generator
    fetcher: Fetcher
    scratch: Scratch


#: Journals a picture and its cost in US dollars; the cost is 0 if it is journalled already.
Record = Callable[[dict[str, Any], float], Awaitable[None]]


class PaidPicture:
    """Generates and stores one picture. After the provider's answer only writes are retried, never the call."""

    def __init__(  # noqa: PLR0913  the facts about one picture
        self,
        job: Job,
        request: ImageRequest,
        services: PictureServices,
        *,
        copies_remote: bool,
        journal: JobJournal,
        record: Record,
    ) -> None:
        """Generate the picture that `request` describes.

        Args:
            job: The job it belongs to.
            request: Describes the picture; its index is that of the picture.
            services: Generate, copy and store the picture.
            copies_remote: Whether to copy a picture that only the provider stores; False if a later stage does.
            journal: The job's journal.
            record: Writes the picture into the journal.
        """
        self._job = job
        self._request = request
        self._services = services
        self._copies_remote = copies_remote
        self._journal = journal
        self._record = record
        self._key = str(request.index)
        self._calls: list[Call] = []
        self._cost_written = False
        self._id_known = False
        self._writing_id: asyncio.Task[None] | None = None

    async def make(self, known: dict[str, Any] | None, started: dict[str, str]) -> dict[str, Any]:
        """Return the journal entry: the picture, its calls and its tokens.

        Args:
            known: The journal entry of an earlier attempt; no call is made then.
            started: Provider and job id of an earlier attempt that may still be running; empty if there is none.

        Raises:
            DarkroomError: As `ImageProvider.generate`. `Unavailable`: no call was made.
            Fenced: Another worker owns the job, or it has ended.
        """
        if known is None:
            image = await self._call_provider(started)
            known = await finish_when_cancelled(self._store(image))
        return await self._copy_remote(known)

    async def _call_provider(self, started: dict[str, str]) -> GeneratedImage:
        self._id_known = bool(started)
        try:
            return await self._services.generator.generate(
                self._request,
                on_begin=self._begin,
                on_work=self._journal_job_id,
                on_call=self._record_call,
                resume=(started["provider"], started["id"]) if started else None,
            )
        except DarkroomError as error:
            await finish_when_cancelled(self._journal_failure(error))
            raise
        finally:
            # The id is not needed any more once the provider's job has ended.
            await self._stop_writing_id()

    async def _begin(self) -> None:
        await self._services.scratch.probe()
        await self._journal.begin_call(self._key)

    async def _journal_job_id(self, provider: str, job_id: str) -> None:
        """Write the provider's job id; while the database is unavailable, keep trying in the background."""
        self._id_known = True
        started = {"provider": provider, "id": job_id}
        writing = asyncio.create_task(self._journal.write(["calls", self._key], started, provider_job_id=job_id))
        self._writing_id = writing
        await asyncio.wait([writing], timeout=JOB_ID_WRITE_S)
        if writing.done():
            writing.result()

    async def _stop_writing_id(self) -> None:
        if self._writing_id:
            self._writing_id.cancel()
            await asyncio.gather(self._writing_id, return_exceptions=True)
            self._writing_id = None

    async def _record_call(self, call: Call) -> None:
        self._calls.append(call)

    async def _journal_failure(self, error: DarkroomError) -> None:
        # Keep the id of a job that may still be running: the next attempt resumes it.
        may_be_running = isinstance(error, Ambiguous)
        if self._writing_id and may_be_running:
            await self._writing_id
        await self._stop_writing_id()
        await self._write_cost()
        if self._id_known and not may_be_running:
            await self._journal.write(["calls", self._key], {})

    async def _write_cost(self) -> None:
        if self._calls:
            job = self._job
            path = ["tried", f"{job.token}.{job.attempt}.{self._key}"]
            await self._journal.write(path, {"calls": self._calls_json()}, spent_usd=self._cost_usd())

    async def _store(self, image: GeneratedImage) -> dict[str, Any]:
        with time_limits_paused():
            name = None
            if image.data is not None:
                name = await self._write_scratch(image.data)
            made = {
                "picture": Picture(
                    scratch=name, source_url=None if name else image.url, provider=image.provider, model=image.model
                ).model_dump(mode="json", exclude_defaults=True),
                "calls": self._calls_json(),
                "input_tokens": image.input_tokens,
                "output_tokens": image.output_tokens,
            }
            await self._record(made, self._cost_usd())
        return made

    async def _copy_remote(self, made: dict[str, Any]) -> dict[str, Any]:
        """Copy a picture that only the provider stores; until then the journal keeps its address."""
        picture = Picture.model_validate(made["picture"])
        if not self._copies_remote or picture.source_url is None:
            return made
        data = await self._services.fetcher.fetch(
            picture.source_url, subject="The generated picture", owner=self._job.owner_id
        )
        return await finish_when_cancelled(self._store_copy(made, picture, data))

    async def _store_copy(self, made: dict[str, Any], picture: Picture, data: bytes) -> dict[str, Any]:
        with time_limits_paused():
            stored = picture.model_copy(update={"scratch": await self._write_scratch(data), "source_url": None})
            made = made | {"picture": stored.model_dump(mode="json", exclude_defaults=True)}
            await self._record(made, 0.0)
        return made

    async def _write_scratch(self, data: bytes) -> str:
        name = f"{self._job.task_id}/made-{self._key}"
        try:
            await self._services.scratch.write(name, data)
        except Unavailable:
            # Record the cost now, although the picture can't be stored yet.
            await self._write_cost()
            self._cost_written = True
            await retry_while_unavailable(lambda: self._services.scratch.write(name, data))
        return name

    def _calls_json(self) -> list[dict[str, Any]]:
        return [call.model_dump(mode="json") for call in self._calls]

    def _cost_usd(self) -> float:
        return 0.0 if self._cost_written else sum(call.cost_usd for call in self._calls)
