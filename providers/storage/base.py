"""The object storage of finished pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Storage(Protocol):
    """Stores pictures under deterministic paths and signs expiring links to them."""

    async def put(self, bucket: str, path: str, data: bytes, *, content_type: str = "image/jpeg") -> None:
        """Store `data` at `path` and replace an existing object. The call can be repeated.

        Raises:
            Unavailable: The storage can't be reached or did not answer in time.
            Invalid: The storage refused: unknown bucket, object too large, wrong key.
        """

    async def signed_url(self, bucket: str, path: str, *, lifetime_s: int) -> str:
        """Return a link at which the object can be read without a token for `lifetime_s` seconds.

        Raises:
            Unavailable: As for `put`.
            Invalid: There is no such object or bucket.
        """

    async def signed_urls(self, bucket: str, paths: Sequence[str], *, lifetime_s: int) -> dict[str, str]:
        """Return links to several objects by path, without the objects that do not exist.

        Raises:
            Unavailable: As for `put`.
            Invalid: A path is malformed, or the storage refused the call.
        """

    async def aclose(self) -> None:
        """Close connections."""
