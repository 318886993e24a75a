"""PostgREST's `/rpc/{function}`: calls a function with a JSON object of arguments and returns its result as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import orjson
import psycopg
from psycopg_pool import PoolTimeout

from devtools.supabase_emulator import rest_errors
from devtools.supabase_emulator.functions import Function, find
from devtools.supabase_emulator.session import UnknownRoleError, acting_as
from devtools.supabase_emulator.tokens import claims_of
from devtools.supabase_emulator.wire import Reply, Request

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg_pool import ConnectionPool


class Rest:
    """Call functions of the schema `public`."""

    def __init__(self, pool: ConnectionPool[Connection[Any]], secret: str) -> None:
        """Use connections of `pool`; tokens are signed with `secret`."""
        self._pool = pool
        self._secret = secret

    def call(self, request: Request, name: str) -> Reply:
        """Call a function; return its result, or an error in PostgREST's format."""
        try:
            claims = claims_of(self._secret, request.token) if request.token else {"role": "anon"}
        except jwt.ExpiredSignatureError:
            return rest_errors.token_expired()
        except jwt.InvalidTokenError:
            return rest_errors.token_refused()
        try:
            arguments = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            arguments = None
        if not isinstance(arguments, dict):
            return rest_errors.body_refused()
        return self._run_or_refuse(claims, name, arguments)

    def _run_or_refuse(self, claims: dict[str, Any], name: str, arguments: dict[str, Any]) -> Reply:
        try:
            return self._run(claims, name, arguments)
        except UnknownRoleError as error:
            return rest_errors.unknown_role(str(error))
        except PoolTimeout:
            return rest_errors.pool_exhausted()
        except psycopg.Error as error:
            return rest_errors.database_error(error, anonymous=claims.get("role") == "anon")

    def _run(self, claims: dict[str, Any], name: str, arguments: dict[str, Any]) -> Reply:
        with self._pool.connection() as connection:
            function = find(connection, name, set(arguments))
        if function is None:
            return rest_errors.function_missing(name, arguments)
        with acting_as(self._pool, claims, read_only=not function.volatile) as connection:
            row = connection.execute(function.statement(arguments), [orjson.dumps(arguments).decode()]).fetchone()
        return _reply(function, row[0] if row else None)


def _reply(function: Function, value: str | None) -> Reply:
    if function.returns_nothing:
        return Reply(204)
    return Reply(200, (value or "null").encode(), {"content-type": "application/json; charset=utf-8"})
