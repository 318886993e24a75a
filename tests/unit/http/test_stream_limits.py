from __future__ import annotations

from typing import Any

import pytest

from api.problems import Problem
from api.tasks.hub import Hub
from api.tasks.stream_limits import LIMITS, StreamLimits, StreamSubject


@pytest.mark.parametrize("subject", StreamSubject)
def test_each_subject_has_a_bounded_number_of_streams(subject: StreamSubject) -> None:
    limits = StreamLimits()
    for _ in range(LIMITS[subject]):
        limits.take(subject, "attacker")
    with pytest.raises(Problem, match="429 too_many_streams"):
        limits.take(subject, "attacker")
    limits.take(subject, "innocent")
    limits.release(subject, "attacker")
    limits.take(subject, "attacker")


def test_what_has_no_stream_takes_no_memory() -> None:
    limits = StreamLimits()
    for number in range(100):
        limits.take(StreamSubject.LINK, str(number))
        limits.release(StreamSubject.LINK, str(number))
    assert not len(limits)


async def test_a_stream_counts_until_it_is_closed_and_not_if_it_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, StreamSubject.ADDRESS, 2)
    unused: Any = None
    hub = Hub(unused, unused, unused)
    hub.draining = True  # no subscription to confirm
    address = (StreamSubject.ADDRESS, "198.51.100.1")
    first, _ = [await hub.join(f"t{number}", [(StreamSubject.LINK, str(number)), address]) for number in range(2)]
    for number in range(50):
        with pytest.raises(Problem, match="429 too_many_streams"):
            await hub.join(f"refused-{number}", [(StreamSubject.LINK, "again"), address])
    assert hub.clients == 2
    await first.close()
    await first.close()
    await hub.join("t3", [(StreamSubject.LINK, "again"), address])
