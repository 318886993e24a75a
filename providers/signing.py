"""The key that signs links: configured, or made once and kept in the data folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

#: Bytes; as long as the SHA-256 that it keys.
KEY_BYTES = 32


def signing_key(data_dir: Path, configured: str | None) -> bytes:
    """The key to sign with.

    Args:
        data_dir: Where the key is kept when none is configured, readable by its owner only.
        configured: `SIGNING_KEY`, if set.
    """
    if configured:
        return configured.encode()
    path = data_dir / "signing.key"
    data_dir.mkdir(parents=True, exist_ok=True)
    candidate = data_dir / f"signing.key.{os.getpid()}.{secrets.token_hex(4)}"
    if not path.exists():
        with os.fdopen(os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(KEY_BYTES))
        # Several processes may make one at once: the first link wins, and all read that one.
        try:
            os.link(candidate, path)
        except FileExistsError:
            pass
        finally:
            candidate.unlink()
    return path.read_text().strip().encode()
