"""Links to finished pictures, signed when a session or task is read: a stored link expires after a few hours."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from pipelines.products import PRODUCTS
from providers.records.orders import StoredPicture
from providers.storage.base import Storage
from schemas.common import Product
from schemas.errors import DarkroomError

log = structlog.get_logger(__name__)


class PictureLinks:
    """Signs links to stored pictures."""

    def __init__(self, storage: Storage) -> None:
        """Sign links of `storage`; the caller closes it."""
        self._storage = storage

    async def sign(self, product: Product, pictures: Sequence[StoredPicture]) -> list[str | None]:
        """Return a fresh link to each of `pictures`, of one product; None for a picture that was deleted.

        All links are signed in one call. If the storage is unavailable, return the links that were signed when the
        pictures were stored.
        """
        spec = PRODUCTS[product]
        paths = [picture.path for picture in pictures if picture.path is not None]
        try:
            links = await self._storage.signed_urls(spec.bucket, paths, lifetime_s=spec.url_lifetime_s)
        except DarkroomError as error:
            log.warning("picture_link_not_signed", code=error.error_code, error=str(error))
            return [picture.url for picture in pictures]
        return [picture.url if picture.path is None else links.get(picture.path) for picture in pictures]
