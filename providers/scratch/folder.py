"""Scratch storage in a folder, shared by the workers of one machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from providers.durable_files import write_atomically
from providers.scratch.names import checked_name, checked_task_id
from schemas.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


#: Maximum size in bytes of files read and written on the event loop: access to the page cache takes a tenth of the time
#: of a switch to a thread.
_INLINE_BYTES = 512_000
#: Bytes that `probe` allocates: the size of one large picture.
PROBE_BYTES = 16 * 1024 * 1024


class FolderScratch:
    """Stores each name as a file under `root`; deleting a task first renames its folder."""

    def __init__(self, root: Path) -> None:
        """Use `root`, which the first write creates."""
        self._root = root

    async def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """See `Scratch.write`."""
        checked_name(name)
        if len(data) <= _INLINE_BYTES and not durable:
            self._write(name, data, durable=False)
        else:
            await asyncio.to_thread(self._write, name, data, durable=durable)

    async def probe(self) -> None:
        """See `Scratch.probe`."""
        await asyncio.to_thread(self._probe)

    async def read(self, name: str) -> bytes:
        """See `Scratch.read`."""
        checked_name(name)
        if self._size(name) <= _INLINE_BYTES:
            return self._read(name)
        return await asyncio.to_thread(self._read, name)

    def forget(self, name: str) -> None:
        """See `Scratch.forget`."""
        checked_name(name)
        with contextlib.suppress(OSError):  # the file is deleted with its task
            (self._root / name).unlink()

    async def delete_task(self, task_id: str) -> None:
        """See `Scratch.delete_task`."""
        if (self._root / checked_task_id(task_id)).exists():
            await asyncio.to_thread(self._delete, task_id)

    async def purge(self, older_than_s: float) -> int:
        """See `Scratch.purge`."""
        return await asyncio.to_thread(self._purge, time.time() - older_than_s)

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""

    def _write(self, name: str, data: bytes, *, durable: bool) -> None:
        with _translate_errors():
            write_atomically(self._root / name, data, durable=durable)

    def _probe(self) -> None:
        with _translate_errors():
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._root) as file:
                os.posix_fallocate(file.fileno(), 0, PROBE_BYTES)

    def _size(self, name: str) -> int:
        with _translate_errors():
            try:
                return (self._root / name).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                raise KeyError(name) from None

    def _read(self, name: str) -> bytes:
        with _translate_errors():
            try:
                return (self._root / name).read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                raise KeyError(name) from None

    def _delete(self, folder: str) -> bool:
        # Rename first, so that only one of two concurrent deletions removes the files.
        trash = self._root / f".deleted-{uuid.uuid4().hex}"
        with _translate_errors():
            try:
                (self._root / folder).rename(trash)
            except FileNotFoundError:
                return False
            shutil.rmtree(trash)
            return True

    def _purge(self, before: float) -> int:
        with _translate_errors():
            if not self._root.is_dir():
                return 0
            stale = [folder.name for folder in self._root.iterdir() if _last_modified(folder) < before]
        return sum(self._delete(folder) for folder in stale)


def _last_modified(folder: Path) -> float:
    """Return the latest modification time in the folder, seconds since the epoch; now if it is deleted meanwhile."""
    try:
        return max(Path(path).stat().st_mtime for path, _, _ in os.walk(folder))
    except (FileNotFoundError, ValueError):
        return time.time()


@contextlib.contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the scratch folder failed: {error.strerror}", code="scratch_unavailable") from error
