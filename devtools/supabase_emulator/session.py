"""Transactions under the role of a token."""

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
    """The role of the token does not exist."""


@contextlib.contextmanager
def acting_as(
    pool: ConnectionPool[Connection[Any]], claims: Mapping[str, Any], *, read_only: bool = False
) -> Iterator[Connection[Any]]:
    """Run a transaction under the role `claims["role"]`; commit at the end, roll back on an error.

    Raises:
        UnknownRoleError: The role does not exist.
        psycopg.Error: A statement failed.
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
