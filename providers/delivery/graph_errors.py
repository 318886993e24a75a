"""What Meta's Graph API means by its errors, in our family.

The codes are those of https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes and
https://developers.facebook.com/docs/graph-api/guides/error-handling; the code decides, not the HTTP status.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from providers.retry_after import retry_after_s
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Transient

#: Calls of an app, of a page or of a business account; throughput; spam; one pair of numbers; registration.
_RATE_LIMITS = frozenset({4, 17, 32, 613, 80007, 130429, 131048, 131056, 133016})
#: Unknown, service down, temporary; something went wrong; service unavailable; server unavailable; maintenance.
_PASSING = frozenset({1, 2, 131000, 131016, 131057, 133004})
_FINAL = {
    131047: "window_closed",  # more than 24 hours since the user last wrote
    131026: "undeliverable",  # no WhatsApp number, blocked us, or too old a version
    131021: "bad_number",  # the recipient is the sender
    131030: "bad_number",  # not among a test number's allowed recipients
    131009: "bad_number",  # a parameter's value, for a plain text the recipient's
    100: "bad_number",  # an invalid parameter, the same
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


class _Fault(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    code: int = -1
    is_transient: bool = False


def graph_error(status: int, headers: Any, body: Any) -> DarkroomError:
    """The error of an answer that is no success. What Meta says in words is not passed on: it may name the recipient.

    Args:
        status: HTTP status.
        headers: A mapping with lower-case or case-insensitive names.
        body: The parsed JSON, or None if it was none.
    """
    fault = _fault(body)
    facts: dict[str, Any] = {"provider": "whatsapp", "http_status": status}
    if fault is None:
        return _without_body(status, headers, facts)
    said = f"WhatsApp refused with code {fault.code}"
    facts["graph_code"] = fault.code
    if fault.code in _RATE_LIMITS or (status == HTTPStatus.TOO_MANY_REQUESTS and fault.code not in _FINAL):
        return RateLimited(said, retry_after=retry_after_s(headers), **facts)
    if fault.code in _PASSING or fault.is_transient:
        return Transient(said, code="whatsapp_unavailable", retry_after=retry_after_s(headers), **facts)
    if fault.code not in _FINAL and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Transient(said, code="whatsapp_unavailable", **facts)
    return Invalid(said, code=_FINAL.get(fault.code, "whatsapp_refused"), **facts)


def _fault(body: Any) -> _Fault | None:
    error = body.get("error") if isinstance(body, dict) else None
    try:
        return _Fault.model_validate(error) if isinstance(error, dict) else None
    except ValidationError:
        return _Fault()


def _without_body(status: int, headers: Any, facts: dict[str, Any]) -> DarkroomError:
    # Not Meta's own words but a gateway's: whether it passed the message on before is not known.
    said = f"WhatsApp answered {status} without an error"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(said, retry_after=retry_after_s(headers), **facts)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Transient(said, code="whatsapp_unavailable", retry_after=retry_after_s(headers), **facts)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Ambiguous(said, code="whatsapp_unknown", **facts)
    return Invalid(said, code="whatsapp_refused", **facts)
