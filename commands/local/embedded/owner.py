"""One owner of a data folder at a time, and the note that tells others where its servers are."""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import TYPE_CHECKING, BinaryIO

from commands.local.process import StartError
from providers.local_services import ENDPOINTS, LOCK, Endpoints

if TYPE_CHECKING:
    from pathlib import Path

#: Readers hold the lock for an instant to see whether it is taken, seconds.
PATIENCE_S = 0.5


class AlreadyOwnedError(StartError):
    """Another process owns the data folder."""


class DataFolderOwner:
    """Holds a data folder until it is released or the process ends."""

    def __init__(self, data_dir: Path) -> None:
        """Take `data_dir`.

        Raises:
            AlreadyOwnedError: Another process has it.
            StartError: It can't be written to.
        """
        self._note = data_dir / ENDPOINTS
        self._lock = _lock(data_dir)
        self._note.unlink(missing_ok=True)

    def announce(self, *, redis_url: str | None, database_url: str | None) -> Endpoints:
        """Tell others where the servers are."""
        endpoints = Endpoints(redis_url, database_url, os.getpid())
        partial = self._note.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as note:
            json.dump({"redis_url": redis_url, "database_url": database_url, "pid": os.getpid()}, note)
        partial.replace(self._note)
        return endpoints

    def release(self) -> None:
        """Give the folder back."""
        self._note.unlink(missing_ok=True)
        self._lock.close()


def _lock(data_dir: Path) -> BinaryIO:
    path = data_dir / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("ab")
    except OSError as error:
        raise StartError(
            f"{data_dir} can't be written to ({error.strerror}): set DATA_DIR to another folder."
        ) from None
    deadline = time.monotonic() + PATIENCE_S
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
