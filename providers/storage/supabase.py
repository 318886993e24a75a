"""Object storage in Supabase."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import httpx
from storage3.exceptions import StorageApiError

from providers.storage.paths import check_path
from providers.storage.supabase_errors import is_duplicate, storage_error
from providers.supabase import http_client, supabase_client
from schemas.errors import DarkroomError, Unavailable

#: Seconds for which browsers and Supabase's CDN may cache a picture. A replay overwrites the same path.
CACHE_S = 3600
#: Raised by storage3 for a malformed response, such as a truncated one.
_MALFORMED_RESPONSE = (ValueError, KeyError, TypeError)


class SupabaseStorage:
    """Stores objects in private buckets, through HTTP connections that belong to one event loop."""

    def __init__(self, url: str, key: str, *, max_connections: int = 8, timeout_s: float = 30.0) -> None:
        """Configure the client; it connects on first use, on the loop of the first caller.

        Args:
            url: SUPABASE_URL.
            key: SUPABASE_SERVICE_ROLE_KEY.
            max_connections: Maximum number of connections.
            timeout_s: Total seconds for one call, including an upload.

        Raises:
            Invalid: `url` is not a valid URL.
        """
        self._timeout_s = timeout_s
        self._http = http_client(timeout_s=timeout_s, max_connections=max_connections)
        self._storage = supabase_client(url, key, self._http).storage

    async def put(self, bucket: str, path: str, data: bytes, *, content_type: str = "image/jpeg") -> None:
        """See `Storage.put`."""
        check_path(bucket, path)
        try:
            async with self._deadline(bucket):
                await self._storage.from_(bucket).upload(
                    path, data, {"content-type": content_type, "cache-control": str(CACHE_S), "upsert": "true"}
                )
        except DarkroomError as error:
            # A concurrent upload of the same object finished first.
            if not is_duplicate(error):
                raise

    async def signed_url(self, bucket: str, path: str, *, lifetime_s: int) -> str:
        """See `Storage.signed_url`."""
        check_path(bucket, path)
        async with self._deadline(bucket):
            signed = await self._storage.from_(bucket).create_signed_url(path, lifetime_s)
        if not signed["signedURL"]:
            raise Unavailable("storage signed nothing", code="storage_unavailable")
        return signed["signedURL"]

    async def signed_urls(self, bucket: str, paths: Sequence[str], *, lifetime_s: int) -> dict[str, str]:
        """See `Storage.signed_urls`; sends one request for all paths."""
        if not paths:
            return {}
        for path in paths:
            check_path(bucket, path)
        async with self._deadline(bucket):
            signed = await self._storage.from_(bucket).create_signed_urls(list(paths), lifetime_s)
        return {item["path"]: item["signedURL"] for item in signed if item["signedURL"]}

    async def buckets(self) -> dict[str, bool]:
        """Return the existing buckets by name, and whether each is public.

        Raises:
            Unavailable: As for `put`.
            Invalid: The key was refused.
        """
        async with self._deadline():
            return {bucket.id: bucket.public for bucket in await self._storage.list_buckets()}

    async def create_buckets(self, names: Iterable[str]) -> list[str]:
        """Create the missing buckets as private ones and return their names.

        Raises:
            Unavailable: As for `put`.
            Invalid: The key was refused.
        """
        missing = [name for name in names if name not in await self.buckets()]
        for name in missing:
            async with self._deadline(name):
                await self._storage.create_bucket(name, options={"public": False})
        return missing

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @asynccontextmanager
    async def _deadline(self, bucket: str = "") -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except StorageApiError as error:
            raise storage_error(error, bucket) from error
        except (httpx.HTTPError, TimeoutError, *_MALFORMED_RESPONSE) as error:
            raise Unavailable(f"storage: {type(error).__name__}", code="storage_unavailable") from error
