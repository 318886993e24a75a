"""Fetch: copy a job's input pictures or generated pictures into the scratch store."""

from __future__ import annotations

import asyncio
from functools import partial

from pipelines.retrying.unavailable import retry_while_unavailable
from providers.fetch import Fetcher
from providers.scratch.base import Scratch
from schemas.job import Job, Picture

#: Pictures of one job that are fetched at a time.
_GROUP = 4


async def fetch_inputs(job: Job, *, fetcher: Fetcher, scratch: Scratch) -> Job:
    """Copy the input pictures in small groups, in the producer's order.

    Raises:
        InputRefused: An input can't be used; the message names it.
        Transient: The network failed.
    """

    async def copy(index: int, url: str) -> str:
        async with group:
            data = await fetcher.fetch(url, subject=f"Input {index + 1}", owner=job.owner_id)
            name = f"{job.task_id}/{job.token}-input-{index}"
            await scratch.write(name, data, durable=False)
        return name

    group = asyncio.Semaphore(_GROUP)
    async with _FirstErrorTaskGroup() as tasks:
        copies = [tasks.create_task(copy(index, url)) for index, url in enumerate(job.inputs)]
    return job.model_copy(update={"input_scratch": tuple(task.result() for task in copies)})


async def fetch_results(job: Job, *, fetcher: Fetcher, scratch: Scratch) -> Job:
    """Copy the generated pictures from the provider, which keeps them for about an hour.

    Raises:
        InputRefused: The provider's answer is not a picture.
        Transient: The network failed.
    """

    async def copy(index: int, picture: Picture) -> Picture:
        if picture.source_url is None:
            return picture
        async with group:
            data = await fetcher.fetch(picture.source_url, subject="The generated picture", owner=job.owner_id)
            name = f"{job.task_id}/{job.token}-made-{index}"
            await retry_while_unavailable(partial(scratch.write, name, data, durable=False))
        return picture.model_copy(update={"scratch": name, "source_url": None})

    group = asyncio.Semaphore(_GROUP)
    async with _FirstErrorTaskGroup() as tasks:
        copies = [tasks.create_task(copy(index, picture)) for index, picture in enumerate(job.pictures)]
    return job.model_copy(update={"pictures": tuple(task.result() for task in copies)})


class _FirstErrorTaskGroup(asyncio.TaskGroup):
    """A task group that raises the first error of its tasks instead of an exception group."""

    async def __aexit__(self, *arguments: object) -> None:
        try:
            await super().__aexit__(*arguments)  # type: ignore[arg-type]  # passed through unchanged
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
