from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.retry_after import retry_after_s


def seconds(value: str, date: str = "", max_s: float = 120) -> float | None:
    return retry_after_s({"retry-after": value, "date": date}, max_s=max_s)


@pytest.mark.parametrize(("value", "expected"), [("7", 7), ("2.5", 2.5), ("-5", 0), ("1000000000", 120), ("", None)])
def test_a_number_of_seconds_is_bounded(value: str, expected: float | None) -> None:
    assert seconds(value) == expected


def test_a_missing_header_means_no_wait() -> None:
    assert retry_after_s({}) is None


@pytest.mark.parametrize("value", ["soon", "inf", "nan", "Mon, 99 Jan 2024 00:00:00 GMT"])
def test_a_malformed_header_means_no_wait(value: str) -> None:
    assert seconds(value) is None


def test_a_date_is_compared_with_the_date_of_the_answer() -> None:
    assert seconds("Mon, 01 Jan 2024 00:01:00 GMT", date="Mon, 01 Jan 2024 00:00:20 GMT") == 40


def test_a_date_without_a_date_of_the_answer_is_compared_with_the_clock() -> None:
    soon = seconds(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert soon is not None
    assert 50 < soon <= 60
    assert seconds(format_datetime(datetime(2000, 1, 1, tzinfo=UTC))) == 0
    assert seconds("Mon, 01 Jan 2024 00:00:00 -0000") == 0


@given(st.text() | st.from_regex(r"\A[0-9]{1,4}[ -:]{0,3}[A-Z][a-z]{2} [0-9]{1,9} [0-9:]{0,9}( GMT|[+-][0-9]{4})?\Z"))
def test_any_value_gives_a_bounded_number_or_none(value: str) -> None:
    found = seconds(value, date=value)
    assert found is None or 0 <= found <= 120
