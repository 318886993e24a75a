from __future__ import annotations

from devtools.chaos.provider import Behaviour, Kind, marked
from devtools.chaos.provider.call_log import CallLog


def test_a_call_is_counted_for_the_task_in_its_prompt() -> None:
    call_log = CallLog(seed=0)

    call_log.open(Kind.OPENAI, marked("a coat", "a-1"))
    call_log.open(Kind.OPENAI, marked("", "a-1"))
    call_log.open(Kind.REPLICATE, "no marker")

    report = call_log.report()
    assert report["openai"]["paid"] == {"a-1": 2}
    assert report["replicate"]["paid"] == {"": 1}


def test_a_cancelled_call_is_not_billed() -> None:
    call_log = CallLog(seed=0)
    call = call_log.open(Kind.REPLICATE, marked("", "b-1"))

    call_log.cancel(Kind.REPLICATE, call)

    assert call_log.report()["replicate"]["paid"] == {}


def test_a_refused_call_is_free_and_one_with_a_lost_response_is_not() -> None:
    call_log = CallLog(seed=0)
    call_log.behaviour = Behaviour(moderation=1)
    call_log.open(Kind.OPENAI, marked("", "c-1"))
    call_log.behaviour = Behaviour(reply_lost=1)
    call_log.open(Kind.OPENAI, marked("", "c-1"))

    report = call_log.report()["openai"]
    assert (report["paid"], report["provoked"]) == ({"c-1": 1}, {"c-1": 1})
    assert report["fates"] == {"moderation": 1, "reply_lost": 1}
