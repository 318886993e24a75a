"""Writing files so that they survive a power cut: complete under their name, or absent."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_atomically(file: Path, data: bytes, *, durable: bool) -> None:
    """Replace `file` by one with `data` and create missing folders.

    Args:
        file: Where it goes.
        data: Its content.
        durable: Wait until the file and its name in the folder are on the disk.

    Raises:
        OSError: The folder can't be written to; nothing is left of the attempt.
    """
    partial = file.with_name(f".{file.name}.{uuid.uuid4().hex}"[:255])
    try:
        try:
            _write(partial, data, durable=durable)
        except FileNotFoundError:
            _create_folder(file.parent, durable=durable)
            _write(partial, data, durable=durable)
        partial.replace(file)
    except OSError:
        _remove(partial)
        raise
    if durable:
        # Without this the rename may be lost although the data are on the disk.
        sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk.

    Raises:
        OSError: It can't be opened or written.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create_folder(folder: Path, *, durable: bool) -> None:
    created = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if durable:
        for each in created:
            sync_folder(each.parent)


def _write(file: Path, data: bytes, *, durable: bool) -> None:
    with file.open("wb") as stream:
        stream.write(data)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())


def _remove(partial: Path) -> None:
    try:
        partial.unlink(missing_ok=True)
    except NotADirectoryError:  # a file stands where the folder should be
        return
