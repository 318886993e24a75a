"""The object storage: where finished pictures live."""

from __future__ import annotations

from typing import Protocol


class Storage(Protocol):
    """Keeps pictures under deterministic paths and hands out expiring links to them."""

    async def put(self, bucket: str, path: str, data: bytes, *, content_type: str = "image/jpeg") -> None:
        """Store `data` at `path`, replacing what is there. Repeating a call is success, not a second object.

        Raises:
            Unavailable: The storage can't be reached, or did not answer in time.
            Invalid: The storage refused: no such bucket, too large, wrong key.
        """

    async def signed_url(self, bucket: str, path: str, *, lifetime_s: int) -> str:
        """An address at which anybody can read the object for `lifetime_s` seconds.

        Raises:
            Unavailable: As for `put`.
            Invalid: There is no such object or bucket.
        """

    async def aclose(self) -> None:
        """Give back connections."""
