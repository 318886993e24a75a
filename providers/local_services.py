"""Discovery of the embedded Valkey and PostgreSQL of a running `manage.py up`.

The owner holds a lock on `DATA_DIR/embedded/lock` while it runs and writes the addresses beside it. The lock, not the
process id, shows whether the owner is alive: ids are reused, a lock ends with its holder.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass
from pathlib import Path

LOCK = Path("embedded", "lock")
ENDPOINTS = Path("embedded", "endpoints.json")


class NotRunningError(Exception):
    """A service is neither configured nor embedded; the message names the setting or the command to start."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of the embedded services; None for a service that is not embedded.

    Attributes:
        redis_url: `unix://` URL of Valkey.
        database_url: `postgresql://` URL of the database.
        pid: The owner's process id, for display only.
    """

    redis_url: str | None
    database_url: str | None
    pid: int


def attach(data_dir: Path) -> Endpoints | None:
    """Return the services of the running owner of `data_dir`, or None if it has no owner."""
    if not _is_locked(data_dir / LOCK):
        return None
    try:
        found = json.loads((data_dir / ENDPOINTS).read_text())
    except FileNotFoundError:  # the owner is still starting
        return None
    return Endpoints(found["redis_url"], found["database_url"], found["pid"])


def resolve(
    data_dir: Path, *, redis_url: str | None, database_url: str | None, supabase: bool
) -> tuple[str, str | None]:
    """Return the Redis and PostgreSQL URLs: the configured ones, else those of a running `up`.

    Args:
        data_dir: The data folder of `up`.
        redis_url: REDIS_URL, if set.
        database_url: DATABASE_URL, if set.
        supabase: Whether SUPABASE_URL is set; the records then need no DATABASE_URL.

    Returns:
        The Redis URL, and the PostgreSQL URL or None if Supabase stores the records.

    Raises:
        NotRunningError: A service is neither configured nor running.
    """
    served = None if redis_url and (database_url or supabase) else attach(data_dir)
    redis_url = redis_url or (served.redis_url if served else None)
    if not supabase:
        database_url = database_url or (served.database_url if served else None)
    missing = [
        *([] if redis_url else ["REDIS_URL"]),
        *([] if database_url or supabase else ["DATABASE_URL (or SUPABASE_URL)"]),
    ]
    if redis_url is None or missing:
        raise NotRunningError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set and no `manage.py up` is running "
            f"in {data_dir}: set {'it' if len(missing) == 1 else 'them'}, or start `python manage.py up` first."
        )
    return redis_url, database_url


def resolve_database(data_dir: Path, *, database_url: str | None, supabase: bool) -> str | None:
    """Return the PostgreSQL URL; arguments and `None` as for `resolve`.

    Raises:
        NotRunningError: It is neither configured nor served by a running `up`.
    """
    if database_url or supabase:
        return database_url
    served = attach(data_dir)
    if served is None or served.database_url is None:
        raise NotRunningError(
            f"DATABASE_URL is not set and no `manage.py up` is running in {data_dir}: set it, or start "
            "`python manage.py up` first."
        )
    return served.database_url


def _is_locked(lock: Path) -> bool:
    try:
        handle = lock.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        return False
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
