"""Look up SQL functions in the catalog, and build statements that call them with JSON arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection

_LOOK_UP = """
select proname, provolatile = 'v', proretset, prorettype = 'void'::regtype,
       coalesce(array(select format_type(t, null) from unnest(proargtypes::oid[]) with ordinality u(t, n) order by n),
                '{}'),
       coalesce(proargnames[1:pronargs], '{}'), pronargs - pronargdefaults
  from pg_proc where pronamespace = 'public'::regnamespace and proname = %s
"""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the schema `public`; `types` holds the types of its arguments by name."""

    name: str
    volatile: bool
    returns_set: bool
    returns_nothing: bool
    types: dict[str, str]

    def statement(self, names: Iterable[str]) -> sql.Composed:
        """Return a statement that calls the function; its only parameter is the JSON object, its result JSON text."""
        columns = [sql.SQL("{} ").format(sql.Identifier(name)) + sql.SQL(self.types[name]) for name in names]
        call = sql.SQL("{}({})").format(
            sql.Identifier("public", self.name),
            sql.SQL(", ").join(sql.SQL("{0} => a.{0}").format(sql.Identifier(name)) for name in names),
        )
        result = (
            sql.SQL("(select coalesce(json_agg(r), '[]') from {} r)::text").format(call)
            if self.returns_set
            else sql.SQL("to_json({})::text").format(call)
        )
        if not columns:
            return sql.SQL("select {} from (select %s) a").format(result)
        return sql.SQL("select {} from json_to_record(%s) as a({})").format(result, sql.SQL(", ").join(columns))


def find(connection: Connection[Any], name: str, names: set[str]) -> Function | None:
    """Return the function that accepts arguments of these names, or None."""
    for found, volatile, returns_set, returns_nothing, types, arguments, required in connection.execute(
        _LOOK_UP, [name]
    ):
        if set(arguments[:required]) <= names <= set(arguments):
            return Function(found, volatile, returns_set, returns_nothing, dict(zip(arguments, types, strict=True)))
    return None
