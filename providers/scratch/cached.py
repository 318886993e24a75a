"""Scratch in memory, for as long as a job is in hand, in front of a store that others share.

Most jobs pass all their stages in one process: then what one stage writes and the next one reads need never reach a
disk or a Redis.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from providers.scratch.names import checked_name, checked_task_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from providers.scratch.base import Scratch

#: The most that is held, bytes; what comes on top goes to the store behind.
MAX_BYTES = 128_000_000


class CachedScratch:
    """Holds what is written for jobs in hand. Belongs to one event loop."""

    def __init__(self, store: Scratch, *, max_bytes: int = MAX_BYTES) -> None:
        """Hold at most `max_bytes` in front of `store`, which is closed with this."""
        self._store = store
        self._max_bytes = max_bytes
        self._size = 0
        self._caching: Counter[str] = Counter()
        self._held: dict[str, dict[str, bytes]] = {}
        #: Names of what is only here.
        self._unsaved: dict[str, set[str]] = {}

    @contextlib.contextmanager
    def caching(self, task_id: str) -> Iterator[None]:
        """Hold what is written for the task in the block; after it, what was not saved is gone."""
        self._caching[task_id] += 1
        try:
            yield
        finally:
            self._caching[task_id] -= 1
            # A worker that was paused may have lost the job to itself.
            if not self._caching[task_id]:
                del self._caching[task_id]
                self._evict(task_id)

    async def save(self, task_id: str) -> None:
        """Put everything of the task into the store behind, for whoever takes the job in hand next.

        Raises:
            Unavailable: The store can't be reached or is full.
        """
        for name in list(self._unsaved.get(task_id, ())):
            await self._store.write(name, self._held[task_id][name])
            self._unsaved[task_id].discard(name)

    async def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """See `Scratch.write`."""
        task_id, _ = checked_name(name)
        self._drop(task_id, name)
        fits = task_id in self._caching and self._size + len(data) <= self._max_bytes
        if durable or not fits:
            await self._store.write(name, data)
        if fits:
            self._held.setdefault(task_id, {})[name] = data
            self._size += len(data)
            if not durable:
                self._unsaved.setdefault(task_id, set()).add(name)

    async def probe(self) -> None:
        """See `Scratch.probe`: of the store behind."""
        await self._store.probe()

    async def read(self, name: str) -> bytes:
        """See `Scratch.read`."""
        task_id, _ = checked_name(name)
        held = self._held.get(task_id, {}).get(name)
        return await self._store.read(name) if held is None else held

    def forget(self, name: str) -> None:
        """See `Scratch.forget`."""
        task_id, _ = checked_name(name)
        unsaved = name in self._unsaved.get(task_id, ())
        self._drop(task_id, name)
        if not unsaved:
            self._store.forget(name)

    async def delete_task(self, task_id: str) -> None:
        """See `Scratch.delete_task`."""
        self._evict(checked_task_id(task_id))
        await self._store.delete_task(task_id)

    async def purge(self, older_than_s: float) -> int:
        """See `Scratch.purge`: of the store behind."""
        return await self._store.purge(older_than_s)

    async def aclose(self) -> None:
        """Close the store behind."""
        await self._store.aclose()

    def _evict(self, task_id: str) -> None:
        for name in list(self._held.get(task_id, ())):
            self._drop(task_id, name)
        self._held.pop(task_id, None)
        self._unsaved.pop(task_id, None)

    def _drop(self, task_id: str, name: str) -> None:
        before = self._held.get(task_id, {}).pop(name, None)
        if before is not None:
            self._size -= len(before)
        self._unsaved.get(task_id, set()).discard(name)
