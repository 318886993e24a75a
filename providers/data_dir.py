"""Permissions of DATA_DIR, which holds keys, pictures and the embedded servers."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_PRIVATE = 0o700
#: Started by root, the embedded PostgreSQL runs as another account, which passes through the folder and lists nothing.
_PASSABLE = 0o711


def prepare_data_dir(folder: Path) -> None:
    """Create the folder, or close one of this account to other accounts.

    Raises:
        OSError: It can't be created or changed.
    """
    mode = _PRIVATE if os.geteuid() else _PASSABLE
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    found = folder.stat()
    current = stat.S_IMODE(found.st_mode)
    if found.st_uid == os.geteuid() and current & ~mode:
        folder.chmod(current & mode)
