"""One transaction under the role that a token stands for."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import orjson
from psycopg import sql

from devtools.supabase_emulator.tokens import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Connection
    from psycopg_pool import ConnectionPool


class UnknownRoleError(Exception):
    """The token stands for no role of this database."""


@contextlib.contextmanager
def acting_as(
    pool: ConnectionPool[Connection[Any]], claims: Mapping[str, Any], *, read_only: bool = False
) -> Iterator[Connection[Any]]:
    """A transaction in which `claims["role"]` acts; committed at the end, rolled back on an error.

    Raises:
        UnknownRoleError: There is no such role.
        psycopg.Error: The database refused.
    """
    role = claims.get("role", "anon")
    if role not in ROLES:
        raise UnknownRoleError(role)
    with pool.connection() as connection, connection.transaction():
        if read_only:
            connection.execute("set transaction read only")
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        connection.execute("select set_config('request.jwt.claims', %s, true)", [orjson.dumps(dict(claims)).decode()])
        yield connection
