"""Insert try-on sessions as producers do before they push a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

#: Table and owner column of each channel.
TABLES = {"b2c": ("generation_sessions", "user_id"), "b2b": ("store_generation_sessions", "store_id")}
INSERT = sql.SQL(
    "INSERT INTO {} (id, {}, status, model_image_url, outfit_image_url, prompt_system, credits_used)"
    " VALUES (%s, %s, 'queued', %s, %s, %s, %s)"
)


def write_session(  # noqa: PLR0913  the columns of the row
    database: psycopg.Connection,
    channel: str,
    *,
    session_id: str,
    owner_id: str,
    urls: Sequence[str],
    prompt: str,
    credits_used: int,
) -> None:
    """Insert a queued session for which the owner was charged `credits_used`."""
    table, owner = TABLES[channel]
    outfit = urls[1] if len(urls) > 1 else None
    database.execute(
        INSERT.format(sql.Identifier(table), sql.Identifier(owner)),
        [session_id, owner_id, urls[0], outfit, prompt, credits_used],
    )
