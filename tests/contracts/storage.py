"""Contract of object storages. A test class per storage inherits this and provides `storage` and `download`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from schemas.errors import Invalid

if TYPE_CHECKING:
    from providers.storage.base import Storage

#: Downloads the object of a link; raises Invalid if the link is refused.
Download = Callable[[str], Awaitable[bytes]]

BUCKET = "virtual-tryon-images"
PATH = "generated/user-1/session_1.jpg"


class StorageContract:
    async def test_a_link_returns_the_stored_object(self, storage: Storage, download: Download) -> None:
        await storage.put(BUCKET, PATH, b"picture")
        assert await download(await storage.signed_url(BUCKET, PATH, lifetime_s=60)) == b"picture"

    async def test_storing_again_replaces_the_object(self, storage: Storage, download: Download) -> None:
        await storage.put(BUCKET, PATH, b"old")
        await storage.put(BUCKET, PATH, b"new")
        assert await download(await storage.signed_url(BUCKET, PATH, lifetime_s=60)) == b"new"

    async def test_storing_the_same_object_concurrently_succeeds(self, storage: Storage, download: Download) -> None:
        await asyncio.gather(*(storage.put(BUCKET, PATH, b"same") for _ in range(5)))
        assert await download(await storage.signed_url(BUCKET, PATH, lifetime_s=60)) == b"same"

    async def test_a_link_to_a_missing_object_is_refused(self, storage: Storage) -> None:
        with pytest.raises(Invalid):
            await storage.signed_url(BUCKET, "generated/user-1/none.jpg", lifetime_s=60)

    async def test_links_to_several_objects_leave_out_missing_ones(self, storage: Storage, download: Download) -> None:
        names = [f"generated/user-1/several_{n}.jpg" for n in range(3)]
        for name in names:
            await storage.put(BUCKET, name, name.encode())
        links = await storage.signed_urls(BUCKET, [*names, "generated/user-1/none.jpg"], lifetime_s=60)
        assert list(links) == names
        assert [await download(link) for link in links.values()] == [name.encode() for name in names]
        assert await storage.signed_urls(BUCKET, [], lifetime_s=60) == {}

    @pytest.mark.parametrize("path", ["", "../x.jpg", "a/../../x.jpg", "/x.jpg", "a//x.jpg", "a/.x", "a/x.jpg\n"])
    async def test_a_path_outside_its_bucket_is_refused(self, storage: Storage, path: str) -> None:
        with pytest.raises(Invalid):
            await storage.put(BUCKET, path, b"x")
