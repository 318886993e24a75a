import pytest

from providers.fetch.status import error_for_status
from schemas.errors import InputRefused, RateLimited, Transient


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520, 599])
def test_server_errors_are_retryable(status: int) -> None:
    error = error_for_status(status, {"retry-after": "7"}, subject="Input 3")
    assert type(error) is Transient
    assert error.retry_after == 7
    assert error.public_message.startswith("Input 3 could not be downloaded because its server did not answer.")


@pytest.mark.parametrize("status", [201, 204, 206, 300, 304, 400, 401, 403, 404, 410, 418, 451])
def test_client_errors_are_not_retryable(status: int) -> None:
    error = error_for_status(status, {}, subject="Input 3")
    assert isinstance(error, InputRefused)
    assert error.public_message.startswith("Input 3 ")
    assert error.details == {"http_status": status}


def test_a_busy_server_is_retried_after_its_retry_after() -> None:
    error = error_for_status(429, {"retry-after": "30"}, subject="Input 3")
    assert isinstance(error, RateLimited)
    assert error.retry_after == 30


def test_an_untrusted_server_can_not_delay_a_job_for_long() -> None:
    assert error_for_status(503, {"retry-after": "1000000000"}, subject="Input 3").retry_after == 120
