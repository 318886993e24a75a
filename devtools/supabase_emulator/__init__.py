"""A Supabase on this machine, for tests and `make demo SUPABASE=local`.

It speaks the wire formats of PostgREST (`/rest/v1/rpc/…`) and Storage (`/storage/v1/…`) on a real PostgreSQL, whose
roles `anon`, `authenticated` and `service_role` decide what a key may do.
"""

from devtools.supabase_emulator.local import LocalSupabase

__all__ = ["LocalSupabase"]
