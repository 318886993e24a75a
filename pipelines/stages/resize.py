"""Resize: convert the inputs to small JPEGs without metadata."""

from __future__ import annotations

from pipelines.decoders.decoders import Decoders
from providers.scratch.base import Scratch
from schemas.errors import DarkroomError
from schemas.job import Job


async def resize_inputs(job: Job, *, scratch: Scratch, decoders: Decoders, max_px: int, max_pixels: int) -> Job:
    """Replace each input by a JPEG of at most `max_px` pixels on its longest side.

    Raises:
        InputRefused: An input can't be used; the message names it.
    """
    names = []
    for index, name in enumerate(job.input_scratch):
        data = await read_scratch(scratch, name)
        small = await decoders.normalize(data, max_px=max_px, max_pixels=max_pixels, subject=f"Input {index + 1}")
        names.append(f"{job.task_id}/{job.token}-small-{index}")
        await scratch.write(names[-1], small, durable=False)
    # Don't await from here on: a cancellation in between would lose both the originals and the small copies.
    for name in job.input_scratch:
        scratch.forget(name)
    return job.model_copy(update={"input_scratch": tuple(names)})


async def read_scratch(scratch: Scratch, name: str) -> bytes:
    """Return the bytes that an earlier stage wrote.

    Raises:
        DarkroomError: The file is missing: the folder was cleaned, or is on another machine. Not retryable.
    """
    try:
        return await scratch.read(name)
    except KeyError as error:
        raise DarkroomError("the scratch store lost a picture", code="scratch_lost") from error
