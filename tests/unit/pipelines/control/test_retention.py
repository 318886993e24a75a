"""The deletion of old rows goes on where it can."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.control.retention import BATCH, Retention
from providers.records.base import DatabaseRefused, DatabaseUnavailable
from providers.records.retention import DataKind, RetentionRecords


class Refusing:
    """An `Rpc` that has old jobs without end, and refuses to touch the audit log."""

    def __init__(self, error: DatabaseRefused | DatabaseUnavailable) -> None:
        self._error = error

    async def call(self, function: str, **arguments: Any) -> Any:
        assert function == "darkroom_prune"
        if arguments["p_kind"] == DataKind.AUDIT:
            raise self._error
        return int(arguments["p_limit"])

    async def aclose(self) -> None:
        """Close nothing."""


async def test_a_kind_that_the_database_refuses_does_not_keep_the_others() -> None:
    refusing = RetentionRecords(Refusing(DatabaseRefused("no right")))
    retention = Retention(refusing, {DataKind.AUDIT: 1, DataKind.JOBS: 1})
    deleted = await retention.prune(within_s=0.2)
    assert deleted[DataKind.AUDIT] == 0
    assert deleted[DataKind.JOBS] >= BATCH


async def test_an_unavailable_database_ends_the_pruning() -> None:
    unavailable = RetentionRecords(Refusing(DatabaseUnavailable("away")))
    with pytest.raises(DatabaseUnavailable):
        await Retention(unavailable, {DataKind.AUDIT: 1}).prune()
