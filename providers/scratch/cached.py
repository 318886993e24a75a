"""In-memory write-back cache for the scratch files of running jobs, in front of a shared store.

Most jobs run all their stages in one process, so files that one stage writes and the next one reads need not reach a
disk or Redis.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from providers.scratch.names import checked_name, checked_task_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from providers.scratch.base import Scratch

#: Maximum size of the cache, bytes; further files go to the store.
MAX_BYTES = 128_000_000


class CachedScratch:
    """Caches files of running jobs. For one event loop."""

    def __init__(self, store: Scratch, *, max_bytes: int = MAX_BYTES) -> None:
        """Cache at most `max_bytes` in front of `store`, which `aclose` closes."""
        self._store = store
        self._max_bytes = max_bytes
        self._size = 0
        self._caching: Counter[str] = Counter()
        self._cached: dict[str, dict[str, bytes]] = {}
        #: Names that are not in the store yet, by task.
        self._unflushed: dict[str, set[str]] = {}

    @contextlib.contextmanager
    def caching(self, task_id: str) -> Iterator[None]:
        """Cache files of the task inside the block; unflushed files are dropped at its end."""
        self._caching[task_id] += 1
        try:
            yield
        finally:
            self._caching[task_id] -= 1
            # A worker that was paused may have recovered its own job, so the blocks can overlap.
            if not self._caching[task_id]:
                del self._caching[task_id]
                self._evict(task_id)

    async def flush(self, task_id: str) -> None:
        """Write the task's cached files to the store, for the process that runs the next stage.

        Raises:
            Unavailable: The store can't be reached or is full.
        """
        for name in list(self._unflushed.get(task_id, ())):
            await self._store.write(name, self._cached[task_id][name])
            self._unflushed[task_id].discard(name)

    async def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """See `Scratch.write`."""
        task_id, _ = checked_name(name)
        self._drop(task_id, name)
        fits = task_id in self._caching and self._size + len(data) <= self._max_bytes
        if durable or not fits:
            await self._store.write(name, data)
        if fits:
            self._cached.setdefault(task_id, {})[name] = data
            self._size += len(data)
            if not durable:
                self._unflushed.setdefault(task_id, set()).add(name)

    async def probe(self) -> None:
        """See `Scratch.probe`: checks the store."""
        await self._store.probe()

    async def read(self, name: str) -> bytes:
        """See `Scratch.read`."""
        task_id, _ = checked_name(name)
        cached = self._cached.get(task_id, {}).get(name)
        return await self._store.read(name) if cached is None else cached

    def forget(self, name: str) -> None:
        """See `Scratch.forget`."""
        task_id, _ = checked_name(name)
        unflushed = name in self._unflushed.get(task_id, ())
        self._drop(task_id, name)
        if not unflushed:
            self._store.forget(name)

    async def delete_task(self, task_id: str) -> None:
        """See `Scratch.delete_task`."""
        self._evict(checked_task_id(task_id))
        await self._store.delete_task(task_id)

    async def purge(self, older_than_s: float) -> int:
        """See `Scratch.purge`: purges the store."""
        return await self._store.purge(older_than_s)

    async def aclose(self) -> None:
        """Close the store."""
        await self._store.aclose()

    def _evict(self, task_id: str) -> None:
        for name in list(self._cached.get(task_id, ())):
            self._drop(task_id, name)
        self._cached.pop(task_id, None)
        self._unflushed.pop(task_id, None)

    def _drop(self, task_id: str, name: str) -> None:
        before = self._cached.get(task_id, {}).pop(name, None)
        if before is not None:
            self._size -= len(before)
        self._unflushed.get(task_id, set()).discard(name)
