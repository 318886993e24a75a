"""Deletion of old rows. Every call is one SQL function and one transaction."""

from __future__ import annotations

from enum import StrEnum

from providers.records.base import Rpc


class DataKind(StrEnum):
    """Kinds of rows that are deleted at an age. The ledger is none of them: it makes a refund happen once."""

    JOBS = "jobs"
    DELIVERIES = "deliveries"
    DEAD_LETTERS = "dead_letters"
    REQUESTS = "requests"
    AUDIT = "audit"
    SIZE_FEEDBACK = "size_feedback"


class RetentionRecords:
    """Old rows. Every method raises `DatabaseUnavailable` or `DatabaseRefused`."""

    def __init__(self, rpc: Rpc) -> None:
        """Call functions through `rpc`, which the caller closes."""
        self._rpc = rpc

    async def prune(self, kind: DataKind, *, older_than_s: float, limit: int) -> int:
        """Delete at most `limit` rows older than `older_than_s` seconds, oldest first; return their number."""
        return await self._call(kind, older_than_s, limit, dry_run=False)

    async def prunable(self, kind: DataKind, *, older_than_s: float, limit: int) -> int:
        """Return the number of rows that `prune` would delete with these arguments."""
        return await self._call(kind, older_than_s, limit, dry_run=True)

    async def _call(self, kind: DataKind, older_than_s: float, limit: int, *, dry_run: bool) -> int:
        found = await self._rpc.call(
            "darkroom_prune", p_kind=kind.value, p_older_s=float(older_than_s), p_limit=limit, p_dry_run=dry_run
        )
        return int(found)
