from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.fetch.status import failure, parse_retry_after
from schemas.errors import InputRefused, RateLimited, Transient


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520, 599])
def test_a_failing_server_is_asked_again(status: int) -> None:
    error = failure(status, "7", subject="Input 3")
    assert type(error) is Transient
    assert error.retry_after == 7
    assert error.public_message.startswith("Input 3 could not be downloaded because its server did not answer.")


@pytest.mark.parametrize("status", [201, 204, 206, 300, 304, 400, 401, 403, 404, 410, 418, 451])
def test_a_server_that_hands_out_no_picture_is_not_asked_again(status: int) -> None:
    error = failure(status, "", subject="Input 3")
    assert isinstance(error, InputRefused)
    assert error.public_message.startswith("Input 3 ")
    assert error.details == {"http_status": status}


def test_a_busy_server_is_asked_again_when_it_said_so() -> None:
    error = failure(429, "30", subject="Input 3")
    assert isinstance(error, RateLimited)
    assert error.retry_after == 30


def test_retry_after_may_be_a_date_and_is_bounded() -> None:
    soon = parse_retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert soon is not None
    assert 55 < soon <= 60
    assert parse_retry_after("1000000000") == 120
    assert parse_retry_after(format_datetime(datetime(2000, 1, 1, tzinfo=UTC))) == 0
    assert parse_retry_after("") is None
    assert parse_retry_after("Mon, 01 Jan 2024 00:00:00 -0000") == 0


@given(st.text() | st.from_regex(r"\A[0-9]{1,4}[ -:]{0,3}[A-Z][a-z]{2} [0-9]{1,9} [0-9:]{0,9}( GMT|[+-][0-9]{4})?\Z"))
def test_whatever_retry_after_says_is_a_bounded_number_or_nothing(header: str) -> None:
    seconds = parse_retry_after(header)
    assert seconds is None or 0 <= seconds <= 120
