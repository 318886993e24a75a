"""The key that signs links: what is set, or one that is made once and kept in the data folder."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

FILE = "signing.key"
KEY_BYTES = 32


def signing_key(configured: str | None, data_dir: Path) -> bytes:
    """SIGNING_KEY, or the key of this data folder; made if there is none yet, by whoever is first.

    Args:
        configured: SIGNING_KEY, if set.
        data_dir: The folder shared by the processes of one machine.
    """
    if configured:
        return configured.encode()
    file = data_dir / FILE
    if not file.exists():
        _make(file)
    return bytes.fromhex(file.read_text())


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(secrets.token_hex(KEY_BYTES))
    # A link fails where another process was faster; a rename would replace the key that it signs with already.
    with contextlib.suppress(FileExistsError):
        os.link(partial, file)
    partial.unlink()
