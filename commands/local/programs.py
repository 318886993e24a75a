"""Commands of worker, scheduler and HTTP service, and their common environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from commands.local.process import Command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commands.local.embedded import Embedded
    from settings import Settings

ROOT = Path(__file__).parents[2]
_LAUNCH = (sys.executable, "-m", "commands.launch")
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
LOOPBACK_NETWORKS = ("127.0.0.0/8",)
#: Time that a worker may need after its grace period, seconds: it requeues its jobs, stops its threads and disconnects.
#: `STOP_GRACE` leaves containers as much.
STOP_S = 20.0


def environment(settings: Settings, embedded: Embedded, **more: str) -> dict[str, str]:
    """Return the environment of every program: addresses of the embedded servers, and `more`."""
    served = {"REDIS_URL": embedded.redis_url, "DATABASE_URL": embedded.database_url}
    return {
        "DATA_DIR": str(settings.data_dir.resolve()),
        "PYTHONUNBUFFERED": "1",
        **{name: value for name, value in served.items() if value},
        **more,
    }


def fetch_networks(settings: Settings) -> tuple[str, ...]:
    """Return the private networks that workers of `up` may fetch pictures from.

    Loopback is allowed, for the files that `enqueue` serves, if FETCH_ALLOWED_NETWORKS is not set and every task comes
    from this machine: Redis and the database are embedded, and the HTTP service listens on loopback without a public
    address. Otherwise a task of someone else could fetch pictures that other programs serve on loopback.
    """
    embedded = settings.redis_url is None and settings.database_url is None and settings.supabase_url is None
    local_only = embedded and settings.public_url is None and settings.host in LOOPBACK_HOSTS
    if local_only and "fetch_allowed_networks" not in settings.model_fields_set:
        return LOOPBACK_NETWORKS
    return settings.fetch_allowed_networks


def worker(settings: Settings, env: Mapping[str, str], log: Path | None, *options: str) -> Command:
    """Return the command of a worker, `dramatiq actors`, which stops gracefully."""
    return _program("worker", (*_LAUNCH, "dramatiq", "actors", *options), settings, env, log)


def scheduler(settings: Settings, env: Mapping[str, str], log: Path | None) -> Command:
    """Return the command of the scheduler, `periodiq actors`."""
    return _program("scheduler", (*_LAUNCH, "periodiq", "actors"), settings, env, log)


def http(settings: Settings, env: Mapping[str, str], log: Path | None) -> Command:
    """Return the command of the HTTP service, gunicorn."""
    return _program("http", (_script("gunicorn"), "-c", "http/gunicorn.conf.py"), settings, env, log)


def _program(name: str, argv: tuple[str, ...], settings: Settings, env: Mapping[str, str], log: Path | None) -> Command:
    return Command(name, argv, ROOT, log, grace_s=settings.shutdown_grace_s + STOP_S, env=env)


def _script(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if os.access(beside, os.X_OK) else name
