from __future__ import annotations

import pytest

from providers.images import errors as faults
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Transient


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (429, RateLimited, "rate_limited"),
        (401, Invalid, "provider_refused"),
        (402, Invalid, "provider_refused"),
        (404, Invalid, "provider_refused"),
        (503, Transient, "overloaded"),
        (529, Transient, "overloaded"),
        (500, Transient, "server_error"),
        (409, Transient, "server_error"),
        (502, Ambiguous, "gateway"),
        (504, Ambiguous, "gateway"),
        (400, Invalid, "request_refused"),
        (422, Invalid, "request_refused"),
        (302, Ambiguous, "unexpected_status"),
    ],
)
def test_each_status_maps_to_one_error_and_only_refusals_fail_over(
    status: int, kind: type[DarkroomError], code: str
) -> None:
    error = faults.from_status("p", status, {"retry-after": "4"})
    assert type(error) is kind
    assert (error.error_code, error.details["http_status"], error.retry_after) == (code, status, 4)
    assert faults.refuses_to_serve(error) == (code in {"rate_limited", "provider_refused", "overloaded"})


def test_only_certainly_unexecuted_calls_fail_over() -> None:
    assert faults.refuses_to_serve(faults.unreachable("p"))
    for error in (faults.cut_off("p"), faults.no_answer("p", 1), faults.no_picture("p", "empty")):
        assert isinstance(error, Ambiguous)
        assert not faults.refuses_to_serve(error)


def test_account_problems_with_a_provider_are_shown_as_our_own_error() -> None:
    assert "our side" in faults.from_status("p", 401, {}).public_message
    assert "our side" in faults.provider_refused("p", "no key").public_message
