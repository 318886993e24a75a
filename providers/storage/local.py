"""Object storage in a folder, with links that expire.

A link is `{base_url}/files/{bucket}/{path}?expires={seconds since the epoch}&signature={hex HMAC-SHA256}`; the
signature covers the bucket, the path and the time, so that none of them can be changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import stat
import time
from typing import TYPE_CHECKING

from providers.durable_files import write_atomically
from providers.storage.paths import check_path
from schemas.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

_EXPIRES = re.compile(r"[0-9]{1,12}")


class LinkRefused(Invalid):
    """This link is not valid or has expired."""

    code = "link_refused"
    report = False


class LocalStorage:
    """Keeps each object as the file `{root}/{bucket}/{path}`; the file's suffix says what it is."""

    def __init__(self, root: Path, signing_key: bytes, base_url: str) -> None:
        """Use `root`; links start with `base_url` and are signed with `signing_key`."""
        if not signing_key:
            raise Invalid("links can't be signed with an empty key", code="signing_key")
        self._root = root
        self._key = signing_key
        self._base_url = base_url.rstrip("/")

    async def put(
        self,
        bucket: str,
        path: str,
        data: bytes,
        *,
        content_type: str = "image/jpeg",  # noqa: ARG002 - part of the Protocol; here the suffix says it
    ) -> None:
        """See `Storage.put`."""
        await asyncio.to_thread(_write, self._file(bucket, path), data)

    async def signed_url(self, bucket: str, path: str, *, lifetime_s: int) -> str:
        """See `Storage.signed_url`."""
        if not _is_stored(self._file(bucket, path)):
            raise Invalid("there is no such object", code="object_missing")
        expires = str(int(time.time()) + lifetime_s)
        signature = self._signature(bucket, path, expires)
        return f"{self._base_url}/files/{bucket}/{path}?expires={expires}&signature={signature}"

    def open_signed(self, bucket: str, path: str, expires: str, signature: str, now: float) -> Path:
        """The file behind a link.

        Args:
            bucket: From the link's path, percent-decoded.
            path: The same.
            expires: The link's parameter as it came.
            signature: The same.
            now: Seconds since the epoch.

        Raises:
            LinkRefused: `link_invalid` if it was not signed by us, `link_expired`, or `object_missing`.
        """
        expected = self._signature(bucket, path, expires).encode()
        if not hmac.compare_digest(expected, signature.encode(errors="replace")) or not _EXPIRES.fullmatch(expires):
            raise LinkRefused("the signature does not match", code="link_invalid")
        if now >= int(expires):
            raise LinkRefused("the link has expired", code="link_expired")
        file = self._file(bucket, path)
        if not file.is_file():
            raise LinkRefused("there is no such object", code="object_missing")
        return file

    async def aclose(self) -> None:
        """A folder holds no connections."""

    def _signature(self, bucket: str, path: str, expires: str) -> str:
        text = f"{bucket}\n{path}\n{expires}".encode(errors="replace")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()

    def _file(self, bucket: str, path: str) -> Path:
        check_path(bucket, path)
        return self._root / bucket / path


def _write(file: Path, data: bytes) -> None:
    try:
        # The session is told that the picture exists: it must still be there after a power cut.
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
