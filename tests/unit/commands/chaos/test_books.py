from __future__ import annotations

from commands.chaos.provider import Behaviour, Kind, marked
from commands.chaos.provider.books import Books


def test_a_call_is_billed_to_the_task_that_its_prompt_names() -> None:
    books = Books(seed=0)

    books.open(Kind.OPENAI, marked("a coat", "a-1"))
    books.open(Kind.OPENAI, marked("", "a-1"))
    books.open(Kind.REPLICATE, "no marker")

    report = books.report()
    assert report["openai"]["paid"] == {"a-1": 2}
    assert report["replicate"]["paid"] == {"": 1}


def test_what_is_cancelled_comes_off_the_bill_again() -> None:
    books = Books(seed=0)
    call = books.open(Kind.REPLICATE, marked("", "b-1"))

    books.cancel(Kind.REPLICATE, call)

    assert books.report()["replicate"]["paid"] == {}


def test_a_refused_call_is_free_and_a_lost_reply_is_not() -> None:
    books = Books(seed=0)
    books.behaviour = Behaviour(moderation=1)
    books.open(Kind.OPENAI, marked("", "c-1"))
    books.behaviour = Behaviour(reply_lost=1)
    books.open(Kind.OPENAI, marked("", "c-1"))

    report = books.report()["openai"]
    assert (report["paid"], report["provoked"]) == ({"c-1": 1}, {"c-1": 1})
    assert report["fates"] == {"moderation": 1, "reply_lost": 1}
