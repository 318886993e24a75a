"""The `watermark` actor."""

from __future__ import annotations

from actors.app import services, settings, stage
from pipelines.products import PRODUCTS
from pipelines.stages.watermark import finish_pictures
from schemas.common import Product, StageName
from schemas.job import Job


@stage(StageName.WATERMARK)
async def watermark(job: Job) -> Job:
    """Make real JPEGs of what the provider made, with the watermark where it is wanted."""
    use = services()
    wanted = {Product.TRYON: settings.watermark_tryon, Product.IMAGES: settings.watermark_images}
    visible = PRODUCTS[job.product].watermarked or wanted.get(job.product, False)
    return await finish_pictures(
        job,
        scratch=use.scratch,
        image_executor=use.image_executor,
        text=settings.watermark_text if visible else None,
        credit=settings.credit_line,
        max_pixels=settings.fetch_max_pixels,
    )
