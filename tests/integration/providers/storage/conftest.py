from __future__ import annotations

from tests.supabase_emulator import local_supabase

__all__ = ["local_supabase"]
