"""Deletes rows whose retention has passed, in batches."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import structlog

from providers.records.retention import DataKind, RetentionRecords
from schemas.errors import DarkroomError, Unavailable

log = structlog.get_logger(__name__)

#: Rows per transaction: few enough that one takes a fraction of a second.
BATCH = 1000


class Retention:
    """Deletes old rows of each kind. Several processes may do so at the same time: each skips rows that others lock."""

    def __init__(self, records: RetentionRecords, ttl_s: Mapping[DataKind, float]) -> None:
        """Delete rows older than `ttl_s` seconds; kinds that are not in it are kept."""
        self._records = records
        self._ttl_s = dict(ttl_s)

    async def prune(self, *, within_s: float = math.inf) -> dict[DataKind, int]:
        """Delete old rows of all kinds for at most `within_s` seconds; return the numbers deleted.

        Raises:
            Unavailable: The database is unavailable.
        """
        deadline = time.monotonic() + within_s
        deleted = {kind: await self._prune(kind, deadline) for kind in self._ttl_s}
        if any(deleted.values()):
            log.info("rows_pruned", **{kind.value: number for kind, number in deleted.items()})
        return deleted

    async def prunable(self, limit: int) -> dict[DataKind, int]:
        """Return the numbers of rows that `prune` would delete now, at most `limit` of each kind.

        Raises:
            DarkroomError: The database is unavailable or refuses the call.
        """
        return {
            kind: await self._records.prunable(kind, older_than_s=ttl_s, limit=limit)
            for kind, ttl_s in self._ttl_s.items()
        }

    async def _prune(self, kind: DataKind, deadline: float) -> int:
        total, deleted = 0, BATCH
        while deleted == BATCH and time.monotonic() < deadline:
            try:
                deleted = await self._records.prune(kind, older_than_s=self._ttl_s[kind], limit=BATCH)
            except Unavailable:
                raise
            except DarkroomError as error:
                # One kind must not keep the others: the audit log belongs to another application.
                log.warning("rows_not_pruned", kind=kind.value, error=str(error))
                return total
            total += deleted
        return total
