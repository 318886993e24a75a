from __future__ import annotations

from typing import Any

import pytest

from providers.delivery.graph_errors import graph_error
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Transient

NUMBER = "4915123456789"


def graph_body(code: int, **more: Any) -> dict[str, Any]:
    return {
        "error": {
            "message": f"(#{code}) something about {NUMBER}",
            "type": "OAuthException",
            "code": code,
            "error_data": {"messaging_product": "whatsapp", "details": f"about {NUMBER}"},
            "fbtrace_id": "AbC",
        }
        | more
    }


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (429, graph_body(130429), RateLimited, "rate_limited"),
        (400, graph_body(130429), RateLimited, "rate_limited"),
        (400, graph_body(131056), RateLimited, "rate_limited"),
        (400, graph_body(80007), RateLimited, "rate_limited"),
        (403, graph_body(4), RateLimited, "rate_limited"),
        (429, graph_body(999), RateLimited, "rate_limited"),
        (400, graph_body(131047), Invalid, "window_closed"),
        (400, graph_body(131026), Invalid, "undeliverable"),
        (400, graph_body(131030), Invalid, "bad_number"),
        (400, graph_body(100), Invalid, "bad_number"),
        (401, graph_body(190), Invalid, "token_refused"),
        (400, graph_body(33), Invalid, "sender_unknown"),
        (403, graph_body(131031), Invalid, "account_blocked"),
        (400, graph_body(777), Invalid, "whatsapp_refused"),
        (500, graph_body(131000), Transient, "whatsapp_unavailable"),
        (503, graph_body(2), Transient, "whatsapp_unavailable"),
        (500, graph_body(777), Transient, "whatsapp_unavailable"),
        (400, graph_body(777, is_transient=True), Transient, "whatsapp_unavailable"),
        (500, graph_body(131047), Invalid, "window_closed"),
        (502, None, Ambiguous, "whatsapp_unknown"),
        (503, None, Transient, "whatsapp_unavailable"),
        (429, None, RateLimited, "rate_limited"),
        (404, None, Invalid, "whatsapp_refused"),
        (302, None, Invalid, "whatsapp_refused"),
        (400, {"error": "no object"}, Invalid, "whatsapp_refused"),
        (400, {"error": {"code": "abc"}}, Invalid, "whatsapp_refused"),
        (400, ["no object"], Invalid, "whatsapp_refused"),
    ],
)
def test_errors_are_mapped_by_their_code(status: int, body: Any, kind: type[DarkroomError], code: str) -> None:
    error = graph_error(status, {}, body)
    assert type(error) is kind
    assert error.error_code == code


def test_a_rate_limit_keeps_its_retry_after() -> None:
    assert graph_error(429, {"retry-after": "17"}, graph_body(130429)).retry_after == 17


def test_the_message_of_meta_is_not_logged() -> None:
    error = graph_error(400, {}, graph_body(131026))
    assert NUMBER not in f"{error} {error.public_message} {error.details}"
