from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from providers.scratch.cached import CachedScratch
from providers.scratch.folder import FolderScratch
from tests.contracts.scratch import ScratchContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from providers.scratch.base import Scratch


@pytest.fixture
def store(tmp_path: Path) -> FolderScratch:
    return FolderScratch(tmp_path)


class TestHeldScratchOfJobsElsewhere(ScratchContract):
    @pytest.fixture
    def scratch(self, store: FolderScratch) -> CachedScratch:
        return CachedScratch(store)


class TestHeldScratchOfJobsInHand(ScratchContract):
    @pytest.fixture
    def scratch(self, store: FolderScratch) -> Iterator[CachedScratch]:
        held = CachedScratch(store)
        with held.caching("t1"), held.caching("t2"), held.caching("t10"):
            yield held

    async def test_a_purge_deletes_old_tasks_and_counts_them(self, scratch: Scratch) -> None:
        """A purge applies to the store; cached files are no older than their job."""
        await scratch.write("t1/a", b"1")
        assert await scratch.purge(older_than_s=-2) == 1
        assert await scratch.read("t1/a") == b"1"


async def test_temporary_bytes_reach_the_store_only_when_saved(store: FolderScratch) -> None:
    held = CachedScratch(store)
    with held.caching("t1"):
        await held.write("t1/a", b"1", durable=False)
        with pytest.raises(KeyError):
            await store.read("t1/a")

        await held.flush("t1")

        assert await store.read("t1/a") == b"1"


async def test_durable_bytes_are_written_to_the_store_immediately(store: FolderScratch) -> None:
    held = CachedScratch(store)
    with held.caching("t1"):
        await held.write("t1/a", b"1")
        assert await store.read("t1/a") == b"1"


async def test_bytes_of_jobs_that_left_the_process_are_not_cached(store: FolderScratch) -> None:
    held = CachedScratch(store)
    with held.caching("t1"):
        with held.caching("t1"):
            await held.write("t1/a", b"1", durable=False)
        assert await held.read("t1/a") == b"1"

    with pytest.raises(KeyError):
        await held.read("t1/a")


async def test_bytes_beyond_the_limit_go_to_the_store_and_deletions_free_space(store: FolderScratch) -> None:
    held = CachedScratch(store, max_bytes=3)
    with held.caching("t1"):
        await held.write("t1/a", b"12", durable=False)
        await held.write("t1/b", b"34", durable=False)
        assert await store.read("t1/b") == b"34"
        held.forget("t1/a")

        await held.write("t1/c", b"56", durable=False)

        with pytest.raises(KeyError):
            await store.read("t1/c")
        assert [await held.read(name) for name in ("t1/b", "t1/c")] == [b"34", b"56"]
