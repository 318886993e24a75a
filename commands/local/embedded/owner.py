"""Exclusive ownership of a data folder, and the file with the addresses of its servers."""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import TYPE_CHECKING, BinaryIO

from commands.local.process import StartError
from providers.data_dir import prepare_data_dir
from providers.local_services import ENDPOINTS, LOCK, Endpoints

if TYPE_CHECKING:
    from pathlib import Path

#: How long to wait for the lock, seconds: readers test it by taking it for an instant.
LOCK_WAIT_S = 0.5


class AlreadyOwnedError(StartError):
    """Another process owns the data folder."""


class DataFolderOwner:
    """Lock of a data folder, held until `release` or the end of the process."""

    def __init__(self, data_dir: Path) -> None:
        """Lock `data_dir`.

        Raises:
            AlreadyOwnedError: Another process holds the lock.
            StartError: The folder is not writable.
        """
        self._endpoints_file = data_dir / ENDPOINTS
        self._lock = _lock(data_dir)
        self._endpoints_file.unlink(missing_ok=True)

    def announce(self, *, redis_url: str | None, database_url: str | None) -> Endpoints:
        """Publish the addresses of the servers to other processes."""
        endpoints = Endpoints(redis_url, database_url, os.getpid())
        partial = self._endpoints_file.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"redis_url": redis_url, "database_url": database_url, "pid": os.getpid()}, file)
        partial.replace(self._endpoints_file)
        return endpoints

    def release(self) -> None:
        """Release the folder."""
        self._endpoints_file.unlink(missing_ok=True)
        self._lock.close()


def _lock(data_dir: Path) -> BinaryIO:
    path = data_dir / LOCK
    try:
        prepare_data_dir(data_dir)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("ab")
    except OSError as error:
        raise StartError(
            f"{data_dir} can't be written to ({error.strerror}): set DATA_DIR to another folder."
        ) from None
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                handle.close()
                raise AlreadyOwnedError(
                    f"Darkroom is running in {data_dir} already: stop it, or set DATA_DIR to another folder."
                ) from None
            time.sleep(0.02)
        else:
            return handle
