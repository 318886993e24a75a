"""`manage.py migrate`: applies the SQL of `schemas`, and makes Supabase's buckets."""

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
    """Apply what is missing.

    Raises:
        CommandError: The database is reached through Supabase's API only, which can't change tables.
        NotRunningError: No database is configured or running.
        UnreachableError: PostgreSQL does not answer.
    """
    address = database_url(settings)
    if address is None:
        raise CommandError(
            "Supabase's API can't create tables: set DATABASE_URL to the project's PostgreSQL address, or run what "
            "`python manage.py migrate --print` prints in its SQL editor."
        )
    asyncio.run(reach_database(address))
    applied = apply(address, settings.products)
    said = "\n".join(f"applied {name}" for name in applied) or "Nothing to apply: the database is up to date."
    return CommandOutcome({"applied": applied}, said)


def buckets(settings: Settings) -> CommandOutcome:
    """Make the private buckets that the products store to, where they are missing.

    Raises:
        CommandError: Supabase is not set.
        DarkroomError: It can't be reached, or refuses.
    """
    if settings.supabase_url is None or settings.supabase_service_role_key is None:
        raise CommandError("Pictures lie in a folder here: set SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY for buckets.")
    key = settings.supabase_service_role_key.get_secret_value()
    made = asyncio.run(make_buckets(settings.supabase_url, key, buckets_of(settings)))
    return CommandOutcome({"buckets": made}, "\n".join(f"made {name}" for name in made) or "All buckets are there.")


def buckets_of(settings: Settings) -> list[str]:
    """Return the buckets of the enabled products, sorted."""
    enabled = PRODUCTS if settings.products is None else settings.products
    return sorted({PRODUCTS[product].bucket for product in enabled})


async def make_buckets(url: str, key: str, names: Sequence[str] = ALL_BUCKETS) -> list[str]:
    """Create the buckets among `names` that do not exist; return their names."""
    from providers.storage.supabase import SupabaseStorage  # noqa: PLC0415  takes half a second, for its users only

    storage = SupabaseStorage(url, key)
    try:
        return await storage.create_buckets(names)
    finally:
        await storage.aclose()


def print_script(settings: Settings) -> CommandOutcome:
    """All migrations as one text, for a database's own SQL editor."""
    sql = script(settings.products)
    return CommandOutcome({"sql": sql}, sql)
