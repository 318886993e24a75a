"""Injected outages make a service unavailable, and restore it afterwards."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from devtools.chaos.outages import Outages, own_disk
from providers.scratch.folder import FolderScratch
from providers.storage.local import LocalStorage
from schemas.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path


class Watched(Outages):
    """Does something during the outage instead of waiting."""

    def __init__(self, folder: Path, during: Callable[[], Coroutine[Any, Any, None]]) -> None:
        servers: Any = SimpleNamespace(storage=folder / "storage", scratch=folder / "scratch")
        super().__init__(servers, random.Random(0))
        self._during = during

    def _wait(self, *, long: bool) -> float:
        asyncio.run(self._during())
        return float(long)


def test_reads_and_writes_fail_during_a_storage_outage(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "storage", b"key", "http://127.0.0.1:8000")
    asyncio.run(storage.put("bucket", "before.jpg", b"1"))

    async def during() -> None:
        with pytest.raises(Unavailable):
            await storage.put("bucket", "a.jpg", b"1")
        with pytest.raises(Unavailable):
            await storage.signed_url("bucket", "before.jpg", lifetime_s=60)

    assert Watched(tmp_path, during).storage(long=True) == "the storage was away for 1.0 s"

    assert asyncio.run(storage.signed_url("bucket", "before.jpg", lifetime_s=60))


def test_writes_fail_while_the_disk_is_full(tmp_path: Path) -> None:
    scratch = FolderScratch(tmp_path / "scratch")

    async def during() -> None:
        with pytest.raises(Unavailable):
            await scratch.probe()
        with pytest.raises(Unavailable):
            await scratch.write("t1/a", bytes(1_000_000))

    with own_disk(tmp_path / "scratch"):
        Watched(tmp_path, during).disk(long=False)
        asyncio.run(scratch.write("t1/a", bytes(1_000_000)))
