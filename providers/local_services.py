"""Where the embedded Valkey and PostgreSQL of a running `manage.py up` are found.

The owner holds a lock on `DATA_DIR/embedded/lock` for as long as it lives and writes the addresses beside it. The
lock, not a process id, says whether the owner is alive: ids are reused, a lock ends with its holder.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass
from pathlib import Path

LOCK = Path("embedded", "lock")
ENDPOINTS = Path("embedded", "endpoints.json")


class NotRunningError(Exception):
    """A service is neither configured nor embedded; the message is a sentence that says what to set or start."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of the parts that an owner serves; None for a part that it does not embed.

    Attributes:
        redis_url: `unix://` address of the Valkey.
        database_url: `postgresql://` address of the database.
        pid: The owner's process id, for people.
    """

    redis_url: str | None
    database_url: str | None
    pid: int


def attach(data_dir: Path) -> Endpoints | None:
    """The parts served by whoever owns `data_dir` now, or None when nobody does."""
    if not _owned(data_dir / LOCK):
        return None
    try:
        found = json.loads((data_dir / ENDPOINTS).read_text())
    except FileNotFoundError:  # an owner that is still starting
        return None
    return Endpoints(found["redis_url"], found["database_url"], found["pid"])


def resolve(
    data_dir: Path, *, redis_url: str | None, database_url: str | None, supabase: bool
) -> tuple[str, str | None]:
    """The Redis and PostgreSQL addresses to use: what is configured, else what a running `up` serves.

    Args:
        data_dir: The folder that `up` would own.
        redis_url: REDIS_URL, if set.
        database_url: DATABASE_URL, if set.
        supabase: Whether SUPABASE_URL is set; records then need no PostgreSQL of their own.

    Returns:
        The Redis address, and the PostgreSQL address or None where Supabase keeps the records.

    Raises:
        NotRunningError: Something is missing, with the sentence for the user.
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
    """Return the PostgreSQL address to use; arguments and `None` as for `resolve`.

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


def _owned(lock: Path) -> bool:
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
