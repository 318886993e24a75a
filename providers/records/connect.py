"""Choice between PostgreSQL and Supabase for the records."""

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
    """Return a client of PostgreSQL if `database_url` is set, else of Supabase; it connects on first use.

    Args:
        database_url: `postgresql://…`; takes precedence.
        supabase_url: URL of the Supabase project.
        supabase_key: Service-role key of the project.
        timeout_s: Seconds for one call.
        max_connections: Maximum number of connections.

    Raises:
        Invalid: Neither is configured.
    """
    if database_url:
        return PostgresRpc(database_url, max_connections=max_connections, timeout_s=timeout_s)
    if supabase_url and supabase_key:
        from providers.records.supabase import SupabaseRpc  # noqa: PLC0415  the import takes half a second

        key = supabase_key.get_secret_value()
        return SupabaseRpc(supabase_url, key, max_connections=max_connections, timeout_s=timeout_s)
    raise Invalid("neither DATABASE_URL nor SUPABASE_URL is set", code="no_database")


def connect(  # noqa: PLR0913  parameters of `connect_rpc` and `Records`
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
