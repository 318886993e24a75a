from __future__ import annotations

import pytest

from devtools.chaos.recoveries import Recoveries, TakeOver
from devtools.chaos.scenario import percentiles


@pytest.fixture
def recoveries() -> Recoveries:
    return Recoveries("postgresql://nowhere", "redis://nowhere", lease_s=20)


def test_a_recovery_lasts_from_the_kill_to_the_next_workers_first_event(recoveries: Recoveries) -> None:
    recoveries.take_overs = [TakeOver("a", 2, renewed_at=100, expired_at=120)]
    recoveries._moved = {("a", 1): 99, ("a", 2): 123.5}

    assert recoveries.seconds([50, 102.5, 130]) == [21]


def test_of_several_possible_kills_the_earliest_counts(recoveries: Recoveries) -> None:
    recoveries.take_overs = [TakeOver("a", 2, renewed_at=100, expired_at=120)]
    recoveries._moved = {("a", 2): 123}

    assert recoveries.seconds([103, 110]) == [20]


def test_a_take_over_without_a_kill_is_not_a_recovery(recoveries: Recoveries) -> None:
    recoveries.take_overs = [TakeOver("a", 2, renewed_at=100, expired_at=120)]
    recoveries._moved = {("a", 2): 123}

    assert recoveries.seconds([90, 121]) == []


def test_a_recovery_between_two_polls_is_a_take_over_and_a_claim_is_none(recoveries: Recoveries) -> None:
    recoveries._compare("a", 1, 0, 120.0)
    recoveries._compare("a", 2, 0, 125.0)
    recoveries._compare("a", 3, 1, 146.0)

    (change,) = recoveries.take_overs
    assert (change.task_id, change.token, change.renewed_at, change.expired_at) == ("a", 3, 105.0, 125.0)


def test_a_take_over_from_a_running_worker_is_not_counted_as_killed(recoveries: Recoveries) -> None:
    """Given one kill after an outage that outlasted a lease, only jobs that changed hands after it were its."""
    recoveries.take_overs = [
        TakeOver("dead", 2, renewed_at=100, expired_at=120, seen_at=170),
        TakeOver("alive", 2, renewed_at=100, expired_at=120, seen_at=140),
    ]

    assert recoveries.killed([50, 150]) == {"dead": 1}


def test_percentiles_are_measured_values() -> None:
    assert percentiles([]) == {"p50": 0, "p95": 0, "max": 0}
    assert percentiles([float(value) for value in range(101)]) == {"p50": 50, "p95": 95, "max": 100}
