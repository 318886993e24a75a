"""Links to finished pictures, signed when a session or task is read: a stored link expires after a few hours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

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

    async def sign(self, product: Product, picture: StoredPicture) -> str | None:
        """Return a fresh link to a picture of `product`; None if the picture was deleted.

        If the storage is unavailable, return the link that was signed when the picture was stored.
        """
        if picture.path is None:
            return picture.url
        spec = PRODUCTS[product]
        try:
            return await self._storage.signed_url(spec.bucket, picture.path, lifetime_s=spec.url_lifetime_s)
        except DarkroomError as error:
            if error.error_code == "object_missing":
                return None
            log.warning("picture_link_not_signed", code=error.error_code, error=str(error))
            return picture.url

    async def sign_all(self, product: Product, pictures: Iterable[StoredPicture]) -> tuple[str, ...]:
        """Return fresh links to those `pictures` that still exist."""
        links = await asyncio.gather(*(self.sign(product, picture) for picture in pictures))
        return tuple(link for link in links if link)
