"""Scratch in a folder, shared by the workers of one machine."""

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


#: What is at most this large is written and read on the event loop: it only goes to the page cache and back, in a tenth
#: of the time that a thread takes to be woken. Bytes.
_AT_ONCE_BYTES = 512_000
#: Room for one large picture, bytes.
PROBE_BYTES = 16 * 1024 * 1024


class FolderScratch:
    """Keeps each name as a file under `root`; a task's folder is gone in one rename when it is forgotten."""

    def __init__(self, root: Path) -> None:
        """Use `root`, which is made when it is first written to."""
        self._root = root

    async def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """See `Scratch.write`."""
        checked_name(name)
        if len(data) <= _AT_ONCE_BYTES and not durable:
            self._write(name, data, durable=False)
        else:
            await asyncio.to_thread(self._write, name, data, durable=durable)

    async def probe(self) -> None:
        """See `Scratch.probe`."""
        await asyncio.to_thread(self._probe)

    async def read(self, name: str) -> bytes:
        """See `Scratch.read`."""
        checked_name(name)
        if self._size(name) <= _AT_ONCE_BYTES:
            return self._read(name)
        return await asyncio.to_thread(self._read, name)

    def forget(self, name: str) -> None:
        """See `Scratch.forget`."""
        checked_name(name)
        with contextlib.suppress(OSError):  # what can't be removed now goes with its task
            (self._root / name).unlink()

    async def delete_task(self, task_id: str) -> None:
        """See `Scratch.delete_task`."""
        if (self._root / checked_task_id(task_id)).exists():
            await asyncio.to_thread(self._delete, task_id)

    async def purge(self, older_than_s: float) -> int:
        """See `Scratch.purge`."""
        return await asyncio.to_thread(self._purge, time.time() - older_than_s)

    async def aclose(self) -> None:
        """A folder holds no connections."""

    def _write(self, name: str, data: bytes, *, durable: bool) -> None:
        with _unavailable():
            write_atomically(self._root / name, data, durable=durable)

    def _probe(self) -> None:
        with _unavailable():
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._root) as file:
                os.posix_fallocate(file.fileno(), 0, PROBE_BYTES)

    def _size(self, name: str) -> int:
        with _unavailable():
            try:
                return (self._root / name).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                raise KeyError(name) from None

    def _read(self, name: str) -> bytes:
        with _unavailable():
            try:
                return (self._root / name).read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                raise KeyError(name) from None

    def _delete(self, folder: str) -> bool:
        # Renamed first: of two that delete the same task at once only one walks the files.
        trash = self._root / f".deleted-{uuid.uuid4().hex}"
        with _unavailable():
            try:
                (self._root / folder).rename(trash)
            except FileNotFoundError:
                return False
            shutil.rmtree(trash)
            return True

    def _purge(self, before: float) -> int:
        with _unavailable():
            if not self._root.is_dir():
                return 0
            stale = [folder.name for folder in self._root.iterdir() if _newest(folder) < before]
        return sum(self._delete(folder) for folder in stale)


def _newest(folder: Path) -> float:
    """When anything in the folder last changed, seconds since the epoch; now if it vanishes meanwhile."""
    try:
        return max(Path(path).stat().st_mtime for path, _, _ in os.walk(folder))
    except (FileNotFoundError, ValueError):
        return time.time()


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the scratch folder failed: {error.strerror}", code="scratch_unavailable") from error
