from __future__ import annotations

import asyncio
from typing import Any

import pytest

from providers.records import releases
from providers.records.base import DatabaseUnavailable
from providers.records.releases import Releases
from providers.records.workers import Workers


class Database:
    """Records releases, after being unavailable for `failures` calls."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.released: list[dict[str, int]] = []
        self.called = asyncio.Event()

    async def call(self, function: str, **arguments: Any) -> Any:
        assert function == "darkroom_release"
        self.failures -= 1
        if self.failures >= 0:
            raise DatabaseUnavailable(function)
        self.released.append(arguments["p_jobs"])
        self.called.set()
        return len(arguments["p_jobs"])

    async def aclose(self) -> None:
        """Close nothing."""


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "DELAY_S", 0.01)
    monkeypatch.setattr(releases, "RETRY_S", 0.01)


@pytest.mark.parametrize("failures", [0, 2])
async def test_jobs_that_end_within_a_moment_are_released_together(failures: int) -> None:
    database = Database(failures)
    pending = Releases(Workers(database))
    for number in range(3):
        pending.add(f"t{number}", number)

    await database.called.wait()

    assert database.released == [{"t0": 0, "t1": 1, "t2": 2}]
    await pending.aclose()
    assert len(database.released) == 1


async def test_a_worker_that_stops_releases_what_is_left() -> None:
    database = Database()
    pending = Releases(Workers(database))
    pending.add("t", 1)

    await pending.aclose()

    assert database.released == [{"t": 1}]


async def test_an_unavailable_database_does_not_keep_a_worker_from_stopping() -> None:
    database = Database(failures=99)
    pending = Releases(Workers(database))
    pending.add("t", 1)

    await pending.aclose()

    assert database.released == []
