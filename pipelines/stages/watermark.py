"""Watermark: convert the generated pictures to JPEG, mark them as generated and draw the visible watermark."""

from __future__ import annotations

from functools import partial

from pipelines.decoders.decoders import Decoders
from pipelines.retrying.unavailable import retry_while_unavailable
from pipelines.stages.resize import read_scratch
from providers.scratch.base import Scratch
from schemas.job import Job, Picture


async def finish_pictures(  # noqa: PLR0913  the texts and limits of a finished picture
    job: Job, *, scratch: Scratch, decoders: Decoders, text: str | None, credit: str, max_pixels: int
) -> Job:
    """Convert and mark every picture; `text` is the visible watermark, None for none.

    Raises:
        Transient: The provider's data is not a picture.
        InputRefused: A picture ended its decoder.
    """
    pictures = []
    for index, picture in enumerate(job.pictures):
        data = await retry_while_unavailable(partial(read_scratch, scratch, picture.scratch or ""))
        finished = await decoders.finish(
            data, credit=credit, product=job.product.value, max_pixels=max_pixels, watermark_text=text
        )
        name = f"{job.task_id}/{job.token}-final-{index}"
        await retry_while_unavailable(partial(scratch.write, name, finished.data, durable=False))
        pictures.append(_finished(picture, name, finished.width, finished.height, len(finished.data)))
    return job.model_copy(update={"pictures": tuple(pictures)})


def _finished(picture: Picture, name: str, width: int, height: int, size: int) -> Picture:
    return picture.model_copy(update={"scratch": name, "width": width, "height": height, "size_bytes": size})
