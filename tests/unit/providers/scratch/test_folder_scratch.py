from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from providers.scratch.folder import FolderScratch
from schemas.errors import Unavailable
from tests.contracts.scratch import ScratchContract

if TYPE_CHECKING:
    from pathlib import Path


class TestFolderScratch(ScratchContract):
    @pytest.fixture
    def scratch(self, tmp_path: Path) -> FolderScratch:
        return FolderScratch(tmp_path / "scratch")

    async def test_only_tasks_unchanged_for_long_are_purged(self, scratch: FolderScratch, tmp_path: Path) -> None:
        await scratch.write("old/a", b"1")
        await scratch.write("new/a", b"1")
        os.utime(tmp_path / "scratch" / "old", (0, 0))
        assert await scratch.purge(older_than_s=3600) == 1
        assert await scratch.read("new/a") == b"1"

    async def test_a_write_deep_in_an_old_folder_keeps_the_task(self, scratch: FolderScratch, tmp_path: Path) -> None:
        await scratch.write("t1/inputs/0", b"1")
        os.utime(tmp_path / "scratch" / "t1", (0, 0))
        assert await scratch.purge(older_than_s=3600) == 0

    async def test_no_partial_file_remains(self, scratch: FolderScratch, tmp_path: Path) -> None:
        await scratch.write("t1/a/b", b"1")
        with pytest.raises(Unavailable):
            await scratch.write("t1/a", b"a file cannot replace a folder")
        assert [path.name for path in (tmp_path / "scratch" / "t1").iterdir()] == ["a"]

    async def test_purging_an_empty_store_deletes_nothing(self, scratch: FolderScratch) -> None:
        assert await scratch.purge(older_than_s=0) == 0

    async def test_a_full_disk_refuses_writes(self, scratch: FolderScratch, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(Unavailable):
            await scratch.probe()
