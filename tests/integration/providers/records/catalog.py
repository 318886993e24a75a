"""Catalog entries of the objects in a database that are not Darkroom's."""

from __future__ import annotations

from typing import Any

import psycopg

_PARTS = {
    "columns": "select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) ||"
    " case when a.attnotnull then ' not null' else '' end || coalesce(' ' || pg_get_expr(d.adbin, d.adrelid), '')"
    " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
    " left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum"
    " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and {ours}",
    "constraints": "select c.relname || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid) from pg_constraint k"
    " join pg_class c on c.oid = k.conrelid where c.relnamespace = 'public'::regnamespace and {ours}",
    "indexes": "select indexdef from pg_indexes join pg_class c on c.relname = tablename"
    " where schemaname = 'public' and {ours}",
    "policies": "select p::text from pg_policies p join pg_class c on c.relname = p.tablename where {ours}",
    "triggers": "select pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid where {ours}"
    " and not t.tgisinternal",
    "rights": "select c.relname || ' ' || c.relowner::text || ' ' || c.relrowsecurity::text || ' ' ||"
    " coalesce(c.relacl::text, '') from pg_class c"
    " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and {ours}",
    "functions": "select pg_get_functiondef(c.oid) || coalesce(c.proacl::text, '') from"
    " (select *, proname as relname from pg_proc where pronamespace = 'public'::regnamespace) c where {ours}",
    "enums": "select t.typname || ' ' || e.enumlabel || ' ' || e.enumsortorder::text from pg_enum e"
    " join pg_type t on t.oid = e.enumtypid",
    "default_rights": "select d.defaclrole::text || d.defaclobjtype::text || d.defaclacl::text from pg_default_acl d",
}


def catalog(connection: psycopg.Connection[Any]) -> dict[str, set[str]]:
    """Everything in the schema `public` but for what is called `darkroom_…`, as text."""
    theirs = "c.relname not like 'darkroom\\_%'"
    return {
        name: {row[0] for row in connection.execute(query.format(ours=theirs).encode())}
        for name, query in _PARTS.items()
    }
