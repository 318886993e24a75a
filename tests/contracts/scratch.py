"""Contract of scratch stores. A test class per store inherits this and provides the fixture `scratch`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from schemas.errors import Invalid

if TYPE_CHECKING:
    from providers.scratch.base import Scratch

OUTSIDE = ["t1", "t1/", "/etc/passwd", "../t1/a", "t1/../t2/a", "t1/./a", "t1//a", "t1/a\n", "t 1/a", "t1/.a", ""]


class ScratchContract:
    async def test_written_bytes_are_read_back(self, scratch: Scratch) -> None:
        await scratch.write("t1/inputs/0.jpg", b"one")
        await scratch.write("t1/result", b"\x00\xff")
        assert await scratch.read("t1/inputs/0.jpg") == b"one"
        assert await scratch.read("t1/result") == b"\x00\xff"

    async def test_a_probe_leaves_no_data(self, scratch: Scratch) -> None:
        await scratch.probe()
        assert await scratch.purge(older_than_s=-2) == 0

    async def test_writing_again_replaces_the_bytes(self, scratch: Scratch) -> None:
        await scratch.write("t1/a", b"old")
        await scratch.write("t1/a", b"new")
        assert await scratch.read("t1/a") == b"new"

    async def test_a_concurrent_reader_sees_a_complete_version(self, scratch: Scratch) -> None:
        versions = [bytes([n]) * 200_000 for n in range(8)]
        await scratch.write("t1/a", versions[0])
        tasks = [scratch.write("t1/a", version) for version in versions]
        reads = [scratch.read("t1/a") for _ in range(8)]
        results = await asyncio.gather(*tasks, *reads)
        assert all(read in versions for read in results[8:])

    async def test_an_unknown_name_raises_a_key_error(self, scratch: Scratch) -> None:
        await scratch.write("t1/a/b", b"x")
        for name in ("t1/b", "t1/a", "t1/a/b/c", "t2/a"):
            with pytest.raises(KeyError):
                await scratch.read(name)

    async def test_deleting_a_task_deletes_only_that_task(self, scratch: Scratch) -> None:
        await scratch.write("t1/a", b"1")
        await scratch.write("t1/b/c", b"1")
        await scratch.write("t10/a", b"2")
        await scratch.delete_task("t1")
        with pytest.raises(KeyError):
            await scratch.read("t1/a")
        with pytest.raises(KeyError):
            await scratch.read("t1/b/c")
        assert await scratch.read("t10/a") == b"2"

    async def test_deleting_an_unknown_task_succeeds(self, scratch: Scratch) -> None:
        await scratch.delete_task("nobody")
        scratch.forget("nobody/a")

    async def test_a_deleted_task_can_be_written_again_and_others_stay(self, scratch: Scratch) -> None:
        await scratch.write("t1/a", b"1", durable=False)
        await scratch.write("t1/b", b"2", durable=False)
        scratch.forget("t1/a")
        assert await scratch.read("t1/b") == b"2"
        await scratch.write("t1/a", b"3", durable=False)
        assert await scratch.read("t1/a") == b"3"

    async def test_concurrent_deletions_of_a_task_succeed(self, scratch: Scratch) -> None:
        for n in range(5):
            await scratch.write(f"t1/{n}", b"1")
        await asyncio.gather(*(scratch.delete_task("t1") for _ in range(5)))
        with pytest.raises(KeyError):
            await scratch.read("t1/0")

    @pytest.mark.parametrize("name", OUTSIDE)
    async def test_a_name_outside_its_task_is_refused(self, scratch: Scratch, name: str) -> None:
        with pytest.raises(Invalid):
            await scratch.write(name, b"x")
        with pytest.raises(Invalid):
            await scratch.read(name)

    @pytest.mark.parametrize("task_id", ["", ".", "..", "a/b", "../x", "a\n", "*"])
    async def test_a_task_id_that_is_not_a_path_segment_is_refused(self, scratch: Scratch, task_id: str) -> None:
        with pytest.raises(Invalid):
            await scratch.delete_task(task_id)

    async def test_a_purge_keeps_new_tasks(self, scratch: Scratch) -> None:
        await scratch.write("t1/a", b"1")
        assert await scratch.purge(older_than_s=60) == 0
        assert await scratch.read("t1/a") == b"1"

    async def test_a_purge_deletes_old_tasks_and_counts_them(self, scratch: Scratch) -> None:
        for name in ("t1/a", "t1/b/c", "t2/a"):
            await scratch.write(name, b"1")
        # Everything is older than a moment two seconds from now.
        assert await scratch.purge(older_than_s=-2) == 2
        with pytest.raises(KeyError):
            await scratch.read("t1/b/c")
        assert await scratch.purge(older_than_s=-2) == 0
