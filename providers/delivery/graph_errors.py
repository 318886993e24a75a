"""Map errors of Meta's Graph API to Darkroom errors.

The codes are those of https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes and
https://developers.facebook.com/docs/graph-api/guides/error-handling; the code takes precedence over the HTTP status.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from providers.retry_after import retry_after_s
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Transient

#: Limits per app, page, business account, throughput, spam, pair of numbers and registration.
_RATE_LIMITS = frozenset({4, 17, 32, 613, 80007, 130429, 131048, 131056, 133016})
#: Unknown error; service, API or server temporarily unavailable; maintenance.
_TRANSIENT = frozenset({1, 2, 131000, 131016, 131057, 133004})
_FINAL = {
    131047: "window_closed",  # more than 24 hours since the user last wrote
    131026: "undeliverable",  # not a WhatsApp number, sender blocked, or client too old
    131021: "bad_number",  # the recipient is the sender
    131030: "bad_number",  # not among a test number's allowed recipients
    131009: "bad_number",  # an invalid parameter value; in a text message, the recipient
    100: "bad_number",  # an invalid parameter; in a text message, the recipient
    190: "token_refused",  # expired or revoked
    0: "token_refused",
    3: "token_refused",
    10: "token_refused",
    131005: "token_refused",
    33: "sender_unknown",  # the phone number id
    368: "account_blocked",
    131031: "account_blocked",
    131042: "account_unpaid",
}


class _GraphError(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    code: int = -1
    is_transient: bool = False


def graph_error(status: int, headers: Any, body: Any) -> DarkroomError:
    """Return the error for an unsuccessful response, without Meta's message text, which may name the recipient.

    Args:
        status: HTTP status.
        headers: A mapping with lower-case or case-insensitive names.
        body: The parsed JSON, or None if the body was not JSON.
    """
    fault = _parse_error(body)
    details: dict[str, Any] = {"provider": "whatsapp", "http_status": status}
    if fault is None:
        return _without_body(status, headers, details)
    message = f"WhatsApp refused with code {fault.code}"
    details["graph_code"] = fault.code
    if fault.code in _RATE_LIMITS or (status == HTTPStatus.TOO_MANY_REQUESTS and fault.code not in _FINAL):
        return RateLimited(message, retry_after=retry_after_s(headers), **details)
    if fault.code in _TRANSIENT or fault.is_transient:
        return Transient(message, code="whatsapp_unavailable", retry_after=retry_after_s(headers), **details)
    if fault.code not in _FINAL and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Transient(message, code="whatsapp_unavailable", **details)
    return Invalid(message, code=_FINAL.get(fault.code, "whatsapp_refused"), **details)


def _parse_error(body: Any) -> _GraphError | None:
    error = body.get("error") if isinstance(body, dict) else None
    try:
        return _GraphError.model_validate(error) if isinstance(error, dict) else None
    except ValidationError:
        return _GraphError()


def _without_body(status: int, headers: Any, details: dict[str, Any]) -> DarkroomError:
    # The response comes from a gateway; whether Meta received the message is unknown.
    message = f"WhatsApp answered {status} without an error"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(message, retry_after=retry_after_s(headers), **details)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Transient(message, code="whatsapp_unavailable", retry_after=retry_after_s(headers), **details)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Ambiguous(message, code="whatsapp_unknown", **details)
    return Invalid(message, code="whatsapp_refused", **details)
