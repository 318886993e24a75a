"""Object storage in a folder, with links that expire.

A link is `{base_url}/files/{bucket}/{path}?expires={seconds since the epoch}&signature={base64}`; the signature
covers the bucket, the path and the time (`providers.signing`).
"""

from __future__ import annotations

import asyncio
import stat
from typing import TYPE_CHECKING

from providers.durable_files import write_atomically
from providers.signing import LinkKind, LinkRefused, LinkSigner
from providers.storage.paths import check_path
from schemas.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class LocalStorage:
    """Stores each object as the file `{root}/{bucket}/{path}`; its suffix determines the media type."""

    def __init__(self, root: Path, signing_key: bytes, base_url: str) -> None:
        """Store under `root`; links start with `base_url` and are signed with `signing_key`."""
        self._root = root
        self._links = LinkSigner(signing_key, LinkKind.FILE)
        self._base_url = base_url.rstrip("/")

    async def put(
        self,
        bucket: str,
        path: str,
        data: bytes,
        *,
        content_type: str = "image/jpeg",  # noqa: ARG002 - part of the Protocol; the suffix determines it
    ) -> None:
        """See `Storage.put`."""
        await asyncio.to_thread(_write, self._file(bucket, path), data)

    async def signed_url(self, bucket: str, path: str, *, lifetime_s: int) -> str:
        """See `Storage.signed_url`."""
        if not _is_stored(self._file(bucket, path)):
            raise Invalid("there is no such object", code="object_missing")
        return self._link(bucket, path, lifetime_s)

    async def signed_urls(self, bucket: str, paths: Sequence[str], *, lifetime_s: int) -> dict[str, str]:
        """See `Storage.signed_urls`."""
        stored = [path for path in paths if _is_stored(self._file(bucket, path))]
        return {path: self._link(bucket, path, lifetime_s) for path in stored}

    def open_signed(self, bucket: str, path: str, expires: str, signature: str, now: float) -> Path:
        """Return the file that a link leads to.

        Args:
            bucket: From the link's path, percent-decoded.
            path: From the link's path, percent-decoded.
            expires: The link's parameter, as received.
            signature: The link's parameter, as received.
            now: Seconds since the epoch.

        Raises:
            LinkRefused: `link_invalid`, `link_expired` or `object_missing`.
        """
        self._links.verify(f"{bucket}\n{path}", expires, signature, now=now)
        file = self._file(bucket, path)
        if not file.is_file():
            raise LinkRefused("there is no such object", code="object_missing")
        return file

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""

    def _link(self, bucket: str, path: str, lifetime_s: int) -> str:
        query = self._links.query(f"{bucket}\n{path}", lifetime_s=lifetime_s)
        return f"{self._base_url}/files/{bucket}/{path}?{query}"

    def _file(self, bucket: str, path: str) -> Path:
        check_path(bucket, path)
        return self._root / bucket / path


def _write(file: Path, data: bytes) -> None:
    try:
        # Durable, because after a power failure the session still refers to the picture.
        write_atomically(file, data, durable=True)
    except OSError as error:
        raise _unavailable(error) from error


def _is_stored(file: Path) -> bool:
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unavailable(error) from error


def _unavailable(error: OSError) -> Unavailable:
    return Unavailable(f"the storage folder failed: {error.strerror}", code="storage_unavailable")
