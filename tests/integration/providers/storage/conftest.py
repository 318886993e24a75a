from __future__ import annotations

from tests.local_supabase import local_supabase

__all__ = ["local_supabase"]
