"""`python -m commands.wait [--for NEED]… PROGRAM …`: wait for services, then exec the program.

Containers start in any order and a database may take a minute to start; waiting avoids crash loops.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import redis
import structlog

from commands.connections import addresses, records
from providers import logs
from providers.local_services import NotRunningError
from providers.records.migrate import pending
from providers.redis_clients import sync_client
from schemas.errors import DarkroomError
from settings import SettingsError, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from settings import Settings

#: Interval of the checks, seconds.
PAUSE_S = 1.0
#: Timeout, seconds; the supervisor of the container then restarts it.
TIMEOUT_S = 300.0

log = structlog.get_logger(__name__)


class NotReadyError(Exception):
    """A service answers but is not ready; the message says what is missing."""


def main(arguments: Sequence[str]) -> int:
    """Wait, then replace this process with the program; return an exit code if that fails."""
    asked = _parse(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        # Process 1 of a container ignores both signals unless it handles them.
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        settings = load()
        logs.configure(level=settings.log_level, style=settings.log_format)
        addresses(settings)
        wait_for(settings, asked.needs or ["redis", "migrations"], timeout_s=asked.timeout)
    except (SettingsError, NotRunningError, NotReadyError) as error:
        sys.stderr.write(f"Darkroom can't start: {error}\n")
        return 1
    try:
        os.execvp(asked.program[0], asked.program)  # noqa: S606  the container's own command
    except OSError as error:
        sys.stderr.write(f"Darkroom can't start: {asked.program[0]}: {error.strerror}\n")
        return 127


def wait_for(settings: Settings, needs: Sequence[str], *, timeout_s: float, pause_s: float = PAUSE_S) -> None:
    """Wait for all of `needs`: `redis` and `database` answer, `migrations` are applied.

    Raises:
        NotReadyError: One of them was not ready within `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    for need in needs:
        logged = None
        while reason := _missing(settings, need):
            if reason != logged:
                log.info("waiting", need=need, reason=reason)
                logged = reason
            if time.monotonic() >= deadline:
                raise NotReadyError(f"waited {timeout_s:.0f} s for {need}: {reason}")
            time.sleep(pause_s)


def _missing(settings: Settings, need: str) -> str | None:
    try:
        _NEEDS[need](settings)
    except (DarkroomError, NotReadyError) as error:
        return str(error)
    except (redis.RedisError, psycopg.Error, OSError) as error:
        return type(error).__name__  # the message may hold addresses
    return None


def _redis(settings: Settings) -> None:
    with sync_client(addresses(settings).redis_url, max_connections=1) as client:
        client.ping()


def _database(settings: Settings) -> None:
    if (url := addresses(settings).database_url) is not None:
        psycopg.connect(url, connect_timeout=5).close()


def _migrations(settings: Settings) -> None:
    url = addresses(settings).database_url
    if url is None:
        asyncio.run(_count(settings))
        return
    with psycopg.connect(url, connect_timeout=5) as connection:
        missing = pending(connection)
    if missing:
        raise NotReadyError(f"{len(missing)} migrations are not applied yet: run `python manage.py migrate`")


async def _count(settings: Settings) -> None:
    async with records(settings) as found:
        await found.job_counts()


_NEEDS = {"redis": _redis, "database": _database, "migrations": _migrations}


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m commands.wait", description=__doc__, allow_abbrev=False)
    parser.add_argument("--for", dest="needs", action="append", choices=_NEEDS, help="may be given several times")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S, help="seconds (%(default)s)")
    parser.add_argument("program", nargs=argparse.REMAINDER)
    asked = parser.parse_args(arguments)
    if not asked.program:
        parser.error("name the program to run")
    return asked


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
