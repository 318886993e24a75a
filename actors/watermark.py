"""The `watermark` actor."""

from __future__ import annotations

from actors.services import Services
from pipelines.products import PRODUCTS
from pipelines.stages.watermark import finish_pictures
from schemas.common import Product
from schemas.job import Job


async def watermark(job: Job, services: Services) -> Job:
    """Make JPEGs of the generated pictures, with a visible watermark where the product or a setting asks for it."""
    settings = services.settings
    by_setting = {Product.TRYON: settings.watermark_tryon, Product.IMAGES: settings.watermark_images}
    visible = PRODUCTS[job.product].watermarked or by_setting.get(job.product, False)
    return await finish_pictures(
        job,
        scratch=services.scratch,
        decoders=services.decoders,
        text=settings.watermark_text if visible else None,
        credit=settings.credit_line,
        max_pixels=settings.fetch_max_pixels,
    )
