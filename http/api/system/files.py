"""`/files/…`: pictures in the local storage, by signed link only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar

from falcon.asgi import Request, Response

from api.operations import Media, Operation
from api.problems import Problem
from api.signed_urls import link_problem
from providers.signing import LinkRefused
from providers.storage.local import LocalStorage
from schemas.errors import Invalid

_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class Files:
    """Finished pictures in the local storage."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            "A finished picture, by its signed link.", {200: Media("image/jpeg", text=False)}, problems=(403, 404)
        )
    }

    def __init__(self, storage: LocalStorage) -> None:
        """Serve pictures of `storage`."""
        self._storage = storage

    async def on_get(self, req: Request, resp: Response, bucket: str, path: str) -> None:
        """Return the picture, if the link is signed and still valid."""
        expires, signature = req.get_param("expires") or "", req.get_param("signature") or ""
        try:
            file = self._storage.open_signed(bucket, path, expires, signature, time.time())
        except LinkRefused as error:
            raise _missing() if error.error_code == "object_missing" else link_problem(error) from error
        except Invalid as error:
            raise _missing() from error
        resp.content_type = _TYPES.get(file.suffix.lower(), "application/octet-stream")
        resp.set_header("Cache-Control", "private, max-age=3600")
        resp.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        resp.data = await asyncio.to_thread(_read, file)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:  # deleted after it was found
        raise _missing() from error


def _missing() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "object_missing", "There is no such picture.")
