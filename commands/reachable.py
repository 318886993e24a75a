"""Check before a command starts that the servers it needs answer, and report failures in one sentence."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import psycopg
import redis.exceptions
from psycopg.conninfo import conninfo_to_dict

from providers.records.base import DatabaseUnavailable
from providers.redis_clients import async_client
from schemas.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from providers.records import Records

T = TypeVar("T")
_ERRNO = re.compile(r"\[Errno (\d+)\]")

#: Timeout of a connection attempt, seconds.
TIMEOUT_S = 1.5


class UnreachableError(Unavailable):
    """A server does not answer; the message names it and its address without a password."""

    def __init__(self, server: str, address: str, reason: str) -> None:
        super().__init__(f"{server} at {address} can't be reached: {reason}.", code="server_unreachable")


async def reach_database(url: str) -> None:
    """Wait until PostgreSQL accepts a connection.

    Raises:
        UnreachableError: It did not within `TIMEOUT_S`.
    """
    connection = await _within("PostgreSQL", database_address(url), psycopg.AsyncConnection.connect(url))
    await connection.close()


async def reach_redis(url: str) -> None:
    """Wait until Redis answers.

    Raises:
        UnreachableError: It did not within `TIMEOUT_S`.
    """
    client = async_client(url, max_connections=1)
    try:
        await _within("Redis", redis_address(url), client.ping())
    finally:
        await client.aclose(close_connection_pool=True)


async def reach_supabase(records: Records, url: str) -> None:
    """Wait until Supabase answers.

    Raises:
        UnreachableError: It did not within `TIMEOUT_S`.
        DatabaseRefused: It refuses the key or lacks our functions.
    """
    address = urlsplit(url).netloc.rpartition("@")[2]
    try:
        await _within("Supabase", address, records.orders.ping())
    except DatabaseUnavailable as error:
        raise UnreachableError("Supabase", address, _reason(error)) from error


def database_address(url: str) -> str:
    """Return host, port and database of a PostgreSQL address, without the password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # its message may repeat the address, password included
        raise UnreachableError("PostgreSQL", "DATABASE_URL", "the setting is not a PostgreSQL address") from None
    host, port = parts.get("host") or parts.get("hostaddr") or "localhost", parts.get("port") or 5432
    database = parts.get("dbname") or parts.get("user") or ""
    return f"{host} (database {database})" if str(host).startswith("/") else f"{host}:{port}/{database}"


def redis_address(url: str) -> str:
    """Return host and port, socket path, or sentinels and service name of a Redis address, without the password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    return parts.netloc.rpartition("@")[2] + (parts.path if parts.scheme == "sentinel" else "")


async def _within(server: str, address: str, answer: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await answer
    except TimeoutError:
        raise UnreachableError(server, address, f"no answer within {TIMEOUT_S:g} s") from None
    except (psycopg.Error, redis.exceptions.RedisError, OSError) as error:
        raise UnreachableError(server, address, _reason(error)) from error


def _reason(error: BaseException) -> str:
    """Return the reason of a failed connection from the server or the operating system."""
    if isinstance(error, psycopg.Error):
        # `connection failed: connection to server at "…", port … failed: FATAL:  database "x" does not exist`
        return str(error).partition("\n")[0].rpartition(": ")[2].strip(" .").rpartition("] ")[2]
    if isinstance(error, redis.exceptions.AuthenticationError):
        return "it does not accept the password"
    if isinstance(error, OSError) and (number := error.errno or _ERRNO.search(str(error))):
        # asyncio replaces the message; a host with several addresses fails with one error without a number.
        code = number if isinstance(number, int) else int(number[1])
        return os.strerror(code) if code > 0 else str(error.strerror)
    if cause := error.__cause__ or error.__context__:
        return _reason(cause)
    return str(error).rstrip(". ") or type(error).__name__
