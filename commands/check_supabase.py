"""Check the set-up of Supabase and of the database, for `manage.py check`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from providers.records.base import DatabaseRefused, Rpc
from providers.records.migrate import migrations
from providers.records.postgres import PostgresRpc
from providers.records.supabase import SupabaseRpc
from providers.storage.supabase import SupabaseStorage
from schemas.common import Product
from schemas.errors import DarkroomError, Unavailable

_FUNCTION = re.compile(r"create or replace function (darkroom_\w+)\(")
_MIGRATE = "run `python manage.py migrate`"


@dataclass(frozen=True, slots=True)
class DatabaseFinding:
    """One finding: what was checked, whether it passed, and what was found or what to do.

    Attributes:
        risk: Whether it is a risk to know about although the check passed.
    """

    name: str
    ok: bool
    detail: str
    risk: bool = False


async def check_supabase(  # noqa: PLR0913  one for each thing that is checked
    url: str,
    key: str,
    buckets: Sequence[str],
    *,
    products: Collection[Product] | None,
    records: bool = True,
    timeout_s: float,
) -> list[DatabaseFinding]:
    """Check URL, key, functions, tables and columns, rights and buckets.

    Args:
        url: SUPABASE_URL.
        key: SUPABASE_SERVICE_ROLE_KEY.
        buckets: The buckets that the products store to.
        products: The products whose tables are checked (PRODUCTS); None checks those whose tables are in the database.
        records: Whether records go through Supabase too, not only pictures.
        timeout_s: Seconds for each call.

    Raises:
        Invalid: `url` is not a valid address.
    """
    rpc = SupabaseRpc(url, key, max_connections=1, timeout_s=timeout_s)
    storage = SupabaseStorage(url, key, max_connections=1, timeout_s=timeout_s)
    try:
        return [*(await _database_rows(rpc, products) if records else []), await _bucket_row(storage, buckets)]
    finally:
        await rpc.aclose()
        await storage.aclose()


async def check_database(dsn: str, *, products: Collection[Product] | None, timeout_s: float) -> list[DatabaseFinding]:
    """Check functions, tables, columns and rights of a database that has all migrations.

    Raises:
        DarkroomError: The database can't be reached or refuses the call.
    """
    rpc = PostgresRpc(dsn, max_connections=1, timeout_s=timeout_s)
    functions = _functions()
    try:
        found = await _call_check(rpc, functions, products)
    finally:
        await rpc.aclose()
    return _table_rows(found, len(functions), "database")


def _functions() -> list[str]:
    return sorted({name for item in migrations() for name in _FUNCTION.findall(item.text)})


async def _call_check(rpc: Rpc, functions: list[str], products: Collection[Product] | None) -> dict[str, Any]:
    found: dict[str, Any] = await rpc.call(
        "darkroom_check", p_functions=functions, p_products=None if products is None else list(products)
    )
    return found


async def _database_rows(rpc: SupabaseRpc, products: Collection[Product] | None) -> list[DatabaseFinding]:
    functions = _functions()
    try:
        found = await _call_check(rpc, functions, products)
    except Unavailable as error:
        return [DatabaseFinding("supabase url", ok=False, detail=f"no answer: {error}")]
    except DatabaseRefused as error:
        return _refused_rows(error)
    return [DatabaseFinding("supabase url", ok=True, detail="answers"), *_found_rows(found, len(functions))]


def _refused_rows(error: DatabaseRefused) -> list[DatabaseFinding]:
    answers = DatabaseFinding("supabase url", ok=True, detail="answers")
    if error.error_code == "key_refused":
        return [answers, DatabaseFinding("supabase key", ok=False, detail=str(error))]
    if error.error_code == "function_missing":
        return [
            answers,
            DatabaseFinding("supabase key", ok=True, detail="accepted"),
            DatabaseFinding("supabase functions", ok=False, detail=str(error)),
        ]
    return [DatabaseFinding("supabase url", ok=False, detail=f"answers, but is not Supabase: {error}")]


def _found_rows(found: dict[str, Any], functions: int) -> list[DatabaseFinding]:
    is_service_role = found["role"] == "service_role"
    return [
        DatabaseFinding("supabase key", is_service_role, f"has the role {found['role']}"),
        *_table_rows(found, functions, "supabase"),
    ]


def _table_rows(found: dict[str, Any], functions: int, prefix: str) -> list[DatabaseFinding]:
    closed = [*found["open_functions"], *found["open_tables"]]
    open_credits = found["open_credit_functions"]
    missing_indexes = found["missing_indexes"]
    return [
        _products_row(prefix, found["products"]),
        _row(f"{prefix} functions", found["missing_functions"], f"{functions} found", f"missing; {_MIGRATE}"),
        _row(
            f"{prefix} credit functions",
            found["missing_credit_functions"],
            "accept our arguments",
            "missing, or with other parameters",
        ),
        _row(f"{prefix} tables", found["missing_columns"], "all columns found", f"missing; {_MIGRATE}"),
        # Not a fault: lists and the sweep are slow on large tables, but right.
        DatabaseFinding(
            f"{prefix} indexes",
            ok=True,
            detail=f"slow: lists and the sweep read whole tables without {', '.join(missing_indexes)}; {_MIGRATE}"
            if missing_indexes
            else "all found",
            risk=bool(missing_indexes),
        ),
        _row(
            f"{prefix} required columns",
            found["unfilled_columns"],
            "all are filled",
            "not null without a default, and Darkroom has no value for it: give it a default or allow null",
        ),
        _row(
            f"{prefix} allowed values",
            found["refused_values"],
            "all accepted",
            "refused by a CHECK constraint or enum: allow the value",
        ),
        _row(f"{prefix} rights", closed, "closed to the public key", f"open to anyone with the public key; {_MIGRATE}"),
        # Not a fault: applications call these with a user's own token, and revoking the right would break them.
        DatabaseFinding(
            f"{prefix} credit rights",
            ok=True,
            detail=f"risk: anyone with the public key can call {', '.join(open_credits)}"
            if open_credits
            else "closed to the public key",
            risk=bool(open_credits),
        ),
    ]


def _products_row(prefix: str, installed: Collection[str]) -> DatabaseFinding:
    missing = [product for product in Product if product not in installed]
    found = f"tables of {', '.join(installed) or 'no product'}"
    refused = f"tasks and orders of {', '.join(missing)} are refused: to enable a product, name it in PRODUCTS"
    return DatabaseFinding(
        f"{prefix} products", ok=True, detail=f"{found}; {refused} and {_MIGRATE}" if missing else found
    )


async def _bucket_row(storage: SupabaseStorage, wanted: Iterable[str]) -> DatabaseFinding:
    try:
        found = await storage.buckets()
    except DarkroomError as error:
        return DatabaseFinding("supabase buckets", ok=False, detail=str(error))
    public = [name for name in wanted if found.get(name)]
    if public:
        return DatabaseFinding("supabase buckets", ok=False, detail=f"{', '.join(public)}: public; make them private")
    return _row(
        "supabase buckets",
        [name for name in wanted if name not in found],
        "exist and are private",
        "missing; run `python manage.py migrate --buckets`",
    )


def _row(name: str, faults: Sequence[str], right: str, wrong: str) -> DatabaseFinding:
    return DatabaseFinding(name, not faults, f"{', '.join(faults)}: {wrong}" if faults else right)
