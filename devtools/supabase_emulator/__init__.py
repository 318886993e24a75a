"""A Supabase emulator for tests and `make demo SUPABASE=local`.

It implements the wire formats of PostgREST (`/rest/v1/rpc/…`) and Storage (`/storage/v1/…`) on a real PostgreSQL, whose
roles `anon`, `authenticated` and `service_role` decide the rights of a key.
"""

from devtools.supabase_emulator.local import LocalSupabase

__all__ = ["LocalSupabase"]
