"""Private folders for unix sockets, whose paths have a length limit."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from commands.local.process import Account, StartError

#: Maximum length of a unix socket path: 108 bytes with the final zero on Linux, 104 on macOS.
MAX_SOCKET_BYTES = 103


def socket_dir(home: Path, socket_name: str, account: Account | None = None) -> Path:
    """Return `home` if the path of `socket_name` in it is short enough, else a private folder with a short path.

    The folder is the same for each call with the same `home`, so that clients find a restarted server.

    Raises:
        StartError: The folder belongs to another account.
    """
    if len(os.fsencode(home / socket_name)) <= MAX_SOCKET_BYTES:
        return home
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) if not account else Path("/tmp")  # noqa: S108  made private below
    short = runtime / f"darkroom-{os.geteuid()}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    private_dir(short, account)
    return short


def private_dir(path: Path, account: Account | None = None) -> None:
    """Make `path` a folder that only `account`, or the current account, can enter.

    Raises:
        StartError: It exists and belongs to another account.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    wanted = account.uid if account else os.geteuid()
    if path.is_symlink() or found.st_uid not in {wanted, os.geteuid()}:
        raise StartError(f"{path} belongs to another account: remove it, or set DATA_DIR to another folder.")
    if account and found.st_uid != account.uid:
        os.chown(path, account.uid, account.gid)
    path.chmod(0o700)
