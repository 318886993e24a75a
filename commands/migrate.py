"""`manage.py migrate`: applies the SQL in `schemas/migrations` once each, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.connections import addresses
from commands.outcome import CommandError, Outcome
from providers.records.migrate import migrate as apply
from providers.records.migrate import script

if TYPE_CHECKING:
    from settings import Settings


def migrate(settings: Settings) -> Outcome:
    """Apply what is missing.

    Raises:
        CommandError: The database is reached through Supabase's API only, which can't change tables.
    """
    database_url = addresses(settings).database_url
    if database_url is None:
        raise CommandError(
            "Supabase's API can't create tables: set DATABASE_URL to the project's PostgreSQL address, or run what "
            "`python manage.py migrate --print` prints in its SQL editor."
        )
    applied = apply(database_url)
    said = "\n".join(f"applied {name}" for name in applied) or "Nothing to apply: the database is up to date."
    return Outcome({"applied": applied}, said)


def print_script() -> Outcome:
    """All migrations as one text, for a database's own SQL editor."""
    from rich.text import Text  # noqa: PLC0415  SQL is full of square brackets, which Rich would read as markup

    sql = script()
    return Outcome({"sql": sql}, Text(sql))
