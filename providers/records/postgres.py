"""Calls of the database functions over PostgreSQL's wire protocol."""

from __future__ import annotations

import functools
from typing import Any

import orjson
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads

from providers.records.base import DatabaseRefused, DatabaseUnavailable
from providers.records.connections import Connections
from providers.records.missing import function_missing
from providers.records.transient import is_transient

set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)


class PostgresRpc:
    """Calls functions through a pool of connections that belongs to one event loop."""

    def __init__(self, dsn: str, *, max_connections: int = 8, timeout_s: float = 10.0) -> None:
        """Configure a pool; it connects on first use, on the loop of the first caller.

        Args:
            dsn: `postgresql://…`.
            max_connections: Maximum number of connections.
            timeout_s: Seconds that a call may take, including the wait for a connection.
        """
        self._connections = Connections(dsn, max_connections=max_connections, timeout_s=timeout_s)

    async def call(self, function: str, **arguments: Any) -> Any:
        """See `Rpc.call`."""
        statement = _statement(function, tuple(arguments))
        values = {
            name: Jsonb(value) if isinstance(value, dict | list | tuple) else value for name, value in arguments.items()
        }
        try:
            row = await self._connections.fetch_one(statement, values)
        except psycopg.errors.UndefinedFunction as error:
            # The called function may exist and itself call a missing one.
            is_called_function = function in (error.diag.message_primary or "")
            raise (function_missing(function) if is_called_function else _refused(function, error)) from error
        except psycopg.Error as error:
            raise (_unavailable if _is_outage(error) else _refused)(function, error) from error
        except (TimeoutError, OSError) as error:
            raise _unavailable(function, error) from error
        return row[0] if row else None

    async def aclose(self) -> None:
        """Close the pool's connections."""
        await self._connections.aclose()


@functools.cache
def _statement(function: str, names: tuple[str, ...]) -> bytes:
    """Return the statement that calls a function with named arguments; cached, so that psycopg parses it once."""
    arguments = (sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in names)
    return sql.SQL("select {}({})").format(sql.Identifier(function), sql.SQL(", ").join(arguments)).as_bytes()


def _is_outage(error: psycopg.Error) -> bool:
    """Return whether the database can't be reached, or reports a temporary error."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return is_transient(error.sqlstate)


def _unavailable(function: str, error: Exception) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"{function}: {type(error).__name__}", function=function)


def _refused(function: str, error: psycopg.Error) -> DatabaseRefused:
    return DatabaseRefused(
        f"{function}: {type(error).__name__} {error.sqlstate}", function=function, sqlstate=error.sqlstate
    )
