"""Indexes on product tables, created without blocking their writers."""

from __future__ import annotations

import time

import psycopg
import structlog
from psycopg import sql

log = structlog.get_logger(__name__)

#: Seconds between attempts to get the lock while another migration creates the indexes.
_POLL_S = 0.5
_LOCK = "select pg_try_advisory_lock(hashtext('darkroom_indexes'))"


def create_indexes(connection: psycopg.Connection) -> None:
    """Create the indexes that `darkroom_missing_indexes` names, concurrently; log those that the database refuses.

    An index that is missing makes lists slow, not wrong: `manage.py check` names it.

    Args:
        connection: In autocommit mode: PostgreSQL creates no index concurrently inside a transaction.

    Raises:
        psycopg.OperationalError: The database can't be reached.
    """
    # Waiting for the lock inside the database would hold a snapshot, which the creation of an index waits for.
    while not (connection.execute(_LOCK).fetchone() or (False,))[0]:
        time.sleep(_POLL_S)
    missing = connection.execute(
        "select label, index_name, invalid, statement from darkroom_missing_indexes()"
    ).fetchall()
    for label, name, invalid, statement in missing:
        try:
            if invalid:
                connection.execute(sql.SQL("drop index concurrently {}").format(sql.Identifier(name)))
            connection.execute(statement)
        except (psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
            # The role does not own the table, or the table is partitioned.
            log.warning("index_not_created", index=label, error=str(error))
