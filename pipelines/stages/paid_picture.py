"""One picture of a job: bought once, and stored however long our own services are unavailable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from pipelines.retrying.stage_context import time_limits_paused
from pipelines.retrying.unavailable import finish_when_cancelled, retry_while_unavailable
from pipelines.stages.job_journal import JobJournal
from providers.fetch import Fetcher
from providers.images.base import GeneratedImage, ImageRequest
from providers.scratch.base import Scratch
from schemas.errors import Ambiguous, DarkroomError, Unavailable
from schemas.job import Call, Job, Picture

#: Seconds that the provider's id of the work is waited for to be written before the work itself is waited for.
ID_WRITTEN_S = 2.0


class Generator(Protocol):
    """Chooses the provider: the router."""

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_begin: Callable[[], Awaitable[None]] | None = None,
        on_work: Callable[[str, str], Awaitable[None]] | None = None,
        on_call: Callable[[Call], Awaitable[None]] | None = None,
        resume: tuple[str, str] | None = None,
    ) -> GeneratedImage:
        """Make a picture; see `providers.images.routing.router.Router.generate`."""


#: Writes what was made, and what that cost (US dollars) unless that is written already.
Record = Callable[[dict[str, Any], float], Awaitable[None]]


class PaidPicture:
    """Buys and stores one picture. Once the provider has answered, only writing is repeated, never the call."""

    def __init__(  # noqa: PLR0913  what is bought, and where it is written
        self, job: Job, request: ImageRequest, *, generator: Generator, fetcher: Fetcher | None, scratch: Scratch,
        journal: JobJournal, record: Record,
    ) -> None:  # fmt: skip
        """Make the picture that `request` describes.

        Args:
            job: The job it belongs to.
            request: What to make; its index is the picture's.
            generator: Chooses the provider.
            fetcher: Copies the provider's picture; None where a later stage does.
            scratch: Where the picture goes.
            journal: The job's journal.
            record: Writes the picture into the journal.
        """
        self._job = job
        self._request = request
        self._generator = generator
        self._fetcher = fetcher
        self._scratch = scratch
        self._journal = journal
        self._record = record
        self._key = str(request.index)
        self._calls: list[Call] = []
        self._cost_written = False
        self._id_known = False
        self._writing_id: asyncio.Task[None] | None = None

    async def make(self, known: dict[str, Any] | None, started: dict[str, str]) -> dict[str, Any]:
        """Return the picture, its calls and tokens, as they go into the journal.

        Args:
            known: The same from an earlier attempt: nothing is paid for then.
            started: Provider and id of work from an earlier attempt that may still go on; empty if there is none.

        Raises:
            DarkroomError: As `ImageProvider.generate`. `Unavailable`: no call was made.
            Fenced: Another worker owns the job, or it has ended.
        """
        if known is None:
            image = await self._generated(started)
            known = await finish_when_cancelled(self._stored(image))
        return await self._copied(known)

    async def _generated(self, started: dict[str, str]) -> GeneratedImage:
        self._id_known = bool(started)
        try:
            return await self._generator.generate(
                self._request,
                on_begin=self._begin,
                on_work=self._note_id,
                on_call=self._note_call,
                resume=(started["provider"], started["id"]) if started else None,
            )
        except DarkroomError as error:
            await finish_when_cancelled(self._note_failure(error))
            raise
        finally:
            # The id is of no use to anybody once the work is done.
            await self._stop_writing_id()

    async def _begin(self) -> None:
        await self._scratch.probe()
        await self._journal.begin_call(self._key)

    async def _note_id(self, provider: str, work_id: str) -> None:
        """Write the id of the work, beside waiting for the work while the database is unavailable."""
        self._id_known = True
        work = {"provider": provider, "id": work_id}
        writing = asyncio.create_task(self._journal.write(["calls", self._key], work, provider_job_id=work_id))
        self._writing_id = writing
        await asyncio.wait([writing], timeout=ID_WRITTEN_S)
        if writing.done():
            writing.result()

    async def _stop_writing_id(self) -> None:
        if self._writing_id:
            self._writing_id.cancel()
            await asyncio.gather(self._writing_id, return_exceptions=True)
            self._writing_id = None

    async def _note_call(self, call: Call) -> None:
        self._calls.append(call)

    async def _note_failure(self, error: DarkroomError) -> None:
        # Only work that may still be going on is worth asking about again.
        goes_on = isinstance(error, Ambiguous)
        if self._writing_id and goes_on:
            await self._writing_id
        await self._stop_writing_id()
        await self._write_cost()
        if self._id_known and not goes_on:
            await self._journal.write(["calls", self._key], {})

    async def _write_cost(self) -> None:
        if self._calls:
            job = self._job
            path = ["tried", f"{job.token}.{job.attempt}.{job.delivery}.{self._key}"]
            await self._journal.write(path, {"calls": self._dumped_calls()}, spent_usd=self._cost_usd())

    async def _stored(self, image: GeneratedImage) -> dict[str, Any]:
        with time_limits_paused():
            name = None
            if image.data is not None:
                name = await self._write_scratch(image.data)
            made = {
                "picture": Picture(
                    scratch=name, source_url=None if name else image.url, provider=image.provider, model=image.model
                ).model_dump(mode="json", exclude_defaults=True),
                "calls": self._dumped_calls(),
                "input_tokens": image.input_tokens,
                "output_tokens": image.output_tokens,
            }
            await self._record(made, self._cost_usd())
        return made

    async def _copied(self, made: dict[str, Any]) -> dict[str, Any]:
        """Copy a picture that is only known by its address, which the journal keeps meanwhile."""
        picture = Picture.model_validate(made["picture"])
        if self._fetcher is None or picture.source_url is None:
            return made
        data = await self._fetcher.fetch(picture.source_url, subject="The generated picture")
        return await finish_when_cancelled(self._copy_stored(made, picture, data))

    async def _copy_stored(self, made: dict[str, Any], picture: Picture, data: bytes) -> dict[str, Any]:
        with time_limits_paused():
            stored = picture.model_copy(update={"scratch": await self._write_scratch(data), "source_url": None})
            made = made | {"picture": stored.model_dump(mode="json", exclude_defaults=True)}
            await self._record(made, 0.0)
        return made

    async def _write_scratch(self, data: bytes) -> str:
        name = f"{self._job.task_id}/made-{self._key}"
        try:
            await self._scratch.write(name, data)
        except Unavailable:
            # It shows what was spent although the picture can't be stored yet.
            await self._write_cost()
            self._cost_written = True
            await retry_while_unavailable(lambda: self._scratch.write(name, data))
        return name

    def _dumped_calls(self) -> list[dict[str, Any]]:
        return [call.model_dump(mode="json") for call in self._calls]

    def _cost_usd(self) -> float:
        return 0.0 if self._cost_written else sum(call.cost_usd for call in self._calls)
