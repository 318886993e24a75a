from __future__ import annotations

from collections import Counter

import pytest
from pydantic import ValidationError

from devtools.chaos.provider.behaviour import Behaviour, Fate


def test_the_result_of_a_call_is_deterministic() -> None:
    behaviour = Behaviour(server_error=0.3, hang=0.3)

    assert [behaviour.fate(1, "task", number) for number in range(50)] == [
        behaviour.fate(1, "task", number) for number in range(50)
    ]
    assert behaviour.fate(1, "task", 0)[1] != behaviour.fate(2, "task", 0)[1]


def test_results_follow_their_shares_over_many_calls() -> None:
    behaviour = Behaviour(rate_limit=0.2, empty=0.1)

    met = Counter(behaviour.fate(0, f"task-{number}", 0)[0] for number in range(5_000))

    assert met[Fate.RATE_LIMIT] / 5_000 == pytest.approx(0.2, abs=0.03)
    assert met[Fate.EMPTY] / 5_000 == pytest.approx(0.1, abs=0.03)
    assert set(met) == {Fate.PICTURE, Fate.RATE_LIMIT, Fate.EMPTY}


def test_the_sum_of_failing_shares_can_not_exceed_1() -> None:
    with pytest.raises(ValidationError, match="must not exceed 1"):
        Behaviour(hang=0.6, empty=0.6)
