"""`manage.py migrate`: apply the SQL of `schemas`, and create the Supabase buckets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from commands.connections import database_url
from commands.outcome import CommandError, CommandOutcome
from commands.reachable import reach_database
from pipelines.products import PRODUCTS
from providers.records.migrate import migrate as apply
from providers.records.migrate import script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from settings import Settings

ALL_BUCKETS = tuple(sorted({spec.bucket for spec in PRODUCTS.values()}))


def migrate(settings: Settings) -> CommandOutcome:
    """Apply missing migrations.

    Raises:
        CommandError: The database is reached through Supabase's API only, which can't change tables.
        NotRunningError: No database is configured or running.
        UnreachableError: PostgreSQL does not answer.
    """
    address = database_url(settings)
    if address is None:
        raise CommandError(
            "Supabase's API can't create tables: set DATABASE_URL to the project's PostgreSQL address, or run the "
            "output of `python manage.py migrate --print` in its SQL editor."
        )
    asyncio.run(reach_database(address))
    applied = apply(address, settings.products)
    text = "\n".join(f"applied {name}" for name in applied) or "Nothing to apply: the database is up to date."
    return CommandOutcome({"applied": applied}, text)


def buckets(settings: Settings) -> CommandOutcome:
    """Create missing private buckets of the products.

    Raises:
        CommandError: Supabase is not set.
        DarkroomError: Supabase can't be reached or refuses the call.
    """
    if settings.supabase_url is None or settings.supabase_service_role_key is None:
        raise CommandError(
            "Pictures are stored in a folder: set SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY to use buckets."
        )
    key = settings.supabase_service_role_key.get_secret_value()
    made = asyncio.run(make_buckets(settings.supabase_url, key, buckets_of(settings)))
    return CommandOutcome({"buckets": made}, "\n".join(f"created {name}" for name in made) or "All buckets exist.")


def buckets_of(settings: Settings) -> list[str]:
    """Return the buckets of the enabled products, sorted."""
    enabled = PRODUCTS if settings.products is None else settings.products
    return sorted({PRODUCTS[product].bucket for product in enabled})


async def make_buckets(url: str, key: str, names: Sequence[str] = ALL_BUCKETS) -> list[str]:
    """Create the buckets among `names` that do not exist; return their names."""
    from providers.storage.supabase import SupabaseStorage  # noqa: PLC0415  takes half a second

    storage = SupabaseStorage(url, key)
    try:
        return await storage.create_buckets(names)
    finally:
        await storage.aclose()


def print_script(settings: Settings) -> CommandOutcome:
    """Return all migrations as one script, for an SQL editor."""
    sql = script(settings.products)
    return CommandOutcome({"sql": sql}, sql)
