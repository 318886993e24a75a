"""Folders for unix sockets, whose addresses must be short."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from commands.local.process import Account, StartError

#: The longest address of a unix socket: 108 bytes with the final zero on Linux, 104 on macOS.
MAX_SOCKET_BYTES = 103


def socket_dir(home: Path, socket_name: str, account: Account | None = None) -> Path:
    """`home` itself if a socket called `socket_name` fits there, else a private folder of a shorter name.

    The same `home` gets the same folder each time, so that clients find a restarted server.

    Raises:
        StartError: The short folder belongs to somebody else.
    """
    if len(os.fsencode(home / socket_name)) <= MAX_SOCKET_BYTES:
        return home
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) if not account else Path("/tmp")  # noqa: S108  made private below
    short = runtime / f"darkroom-{os.geteuid()}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    private_dir(short, account)
    return short


def private_dir(path: Path, account: Account | None = None) -> None:
    """Make `path` a folder that only its owner can enter: `account`, or whoever we are.

    Raises:
        StartError: It is there already and belongs to somebody else.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    wanted = account.uid if account else os.geteuid()
    if path.is_symlink() or found.st_uid not in {wanted, os.geteuid()}:
        raise StartError(f"{path} belongs to somebody else: remove it, or set DATA_DIR to another folder.")
    if account and found.st_uid != account.uid:
        os.chown(path, account.uid, account.gid)
    path.chmod(0o700)
