"""Chooses how the database is reached."""

from __future__ import annotations

from pydantic import SecretStr

from providers.records.base import Rpc
from providers.records.jobs import Records
from providers.records.postgres import PostgresRpc
from schemas.errors import Invalid


def connect_rpc(
    *,
    database_url: str | None,
    supabase_url: str | None,
    supabase_key: SecretStr | None,
    timeout_s: float = 10.0,
    max_connections: int = 8,
) -> Rpc:
    """A way to PostgreSQL where there is an address for it, else to Supabase; connects on first use.

    Args:
        database_url: `postgresql://…`; wins.
        supabase_url: The Supabase project.
        supabase_key: Its service-role key.
        timeout_s: Seconds one call may take.
        max_connections: The most connections at once.

    Raises:
        Invalid: There is neither.
    """
    if database_url:
        return PostgresRpc(database_url, max_connections=max_connections, timeout_s=timeout_s)
    if supabase_url and supabase_key:
        from providers.records.supabase import SupabaseRpc  # noqa: PLC0415  takes half a second, for its users only

        key = supabase_key.get_secret_value()
        return SupabaseRpc(supabase_url, key, max_connections=max_connections, timeout_s=timeout_s)
    raise Invalid("neither DATABASE_URL nor SUPABASE_URL is set", code="no_database")


def connect(  # noqa: PLR0913  what `connect_rpc` and `Records` need
    *,
    database_url: str | None,
    supabase_url: str | None,
    supabase_key: SecretStr | None,
    timeout_s: float = 10.0,
    max_connections: int = 8,
    max_refund_credits: int = 1,
) -> Records:
    """Records over `connect_rpc`, with the same arguments and errors; `max_refund_credits` as for `Records`."""
    return Records(
        connect_rpc(
            database_url=database_url,
            supabase_url=supabase_url,
            supabase_key=supabase_key,
            timeout_s=timeout_s,
            max_connections=max_connections,
        ),
        max_refund_credits=max_refund_credits,
    )
