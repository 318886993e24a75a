"""Maps providers' answers to our errors, in one place for all providers.

| answer | error | code |
|---|---|---|
| 429 | `RateLimited` | `rate_limited` |
| 401, 402, 403, 404, used-up quota | `Invalid` | `provider_refused` |
| the model is not offered, or no longer | `Invalid` | `model_retired` |
| 503, 529 | `Transient` | `overloaded` |
| the connection could not be made | `Transient` | `unreachable` |
| 408, 409, 425, 500 and the like | `Transient` | `server_error` |
| 502, 504, a cut connection, no answer in time | `Ambiguous` | `gateway`, `cut_off`, `no_answer` |
| 200 without a picture, a broken or an oversized one | `Ambiguous` | `no_picture`, `bad_picture`, `answer_too_large` |
| any other 4xx | `Invalid` | `request_refused` |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.retry_after import retry_after_s
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER_REFUSED = "provider_refused"
MODEL_RETIRED = "model_retired"
OVERLOADED = "overloaded"
UNREACHABLE = "unreachable"

_OUR_FAULT_MESSAGE = "The picture could not be made because of a problem on our side. Please try again later."
_NO_PICTURE_MESSAGE = "The picture could not be made because the service sent none. Please try again later."

_ErrorAndCode = tuple[type[DarkroomError], str]
_BY_STATUS: dict[int, _ErrorAndCode] = {
    401: (Invalid, PROVIDER_REFUSED),
    402: (Invalid, PROVIDER_REFUSED),
    403: (Invalid, PROVIDER_REFUSED),
    404: (Invalid, PROVIDER_REFUSED),
    408: (Transient, "server_error"),
    409: (Transient, "server_error"),
    425: (Transient, "server_error"),
    429: (RateLimited, "rate_limited"),
    502: (Ambiguous, "gateway"),
    503: (Transient, OVERLOADED),
    504: (Ambiguous, "gateway"),
    529: (Transient, OVERLOADED),
}
_BY_CLASS: dict[int, _ErrorAndCode] = {4: (Invalid, "request_refused"), 5: (Transient, "server_error")}
_UNEXPECTED: _ErrorAndCode = (Ambiguous, "unexpected_status")


def refuses_to_serve(error: DarkroomError) -> bool:
    """Return whether the provider certainly did not do the work and won't, so that the next one may be tried."""
    codes = {PROVIDER_REFUSED, MODEL_RETIRED, OVERLOADED, UNREACHABLE}
    return isinstance(error, RateLimited) or error.error_code in codes


def from_status(provider: str, status: int, headers: Mapping[str, str], *, reason: str | None = None) -> DarkroomError:
    """Return the error for an HTTP status other than success; `reason` is the provider's own code."""
    error, code = _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, _UNEXPECTED)
    return error(
        f"{provider} answered {status}",
        code=code,
        public_message=_OUR_FAULT_MESSAGE if code == PROVIDER_REFUSED else None,
        retry_after=retry_after_s(headers),
        provider=provider,
        http_status=status,
        reason=reason,
    )


def provider_refused(provider: str, message: str) -> Invalid:
    """Return the error for a provider that does not serve us at all: no key, no money left, no such model."""
    return Invalid(message, code=PROVIDER_REFUSED, public_message=_OUR_FAULT_MESSAGE, provider=provider)


def model_retired(provider: str, model: str, setting: str, status: int) -> Invalid:
    """Return the error for a model, named by `setting`, that is not offered; no call can succeed until it changes."""
    return Invalid(
        f"{provider} does not offer the model {model}; name another one in {setting}",
        code=MODEL_RETIRED,
        public_message=_OUR_FAULT_MESSAGE,
        provider=provider,
        model=model,
        setting=setting,
        http_status=status,
    )


def unreachable(provider: str) -> Transient:
    """Return the error for a connection that was not made, so that no request was sent."""
    return Transient(f"{provider} can't be reached", code=UNREACHABLE, provider=provider)


def cut_off(provider: str) -> Ambiguous:
    """Return the error for a connection that broke after the request was sent."""
    return Ambiguous(f"the connection to {provider} broke", code="cut_off", provider=provider)


def no_answer(provider: str, deadline_s: float) -> Ambiguous:
    """Return the error for an exceeded deadline, seconds."""
    return Ambiguous(f"no answer from {provider} within {deadline_s:g} s", code="no_answer", provider=provider)


def no_picture(provider: str, message: str, *, code: str = "no_picture", cost_usd: float | None = None) -> Ambiguous:
    """Return the error for a success without a usable picture, which may have been billed."""
    return Ambiguous(message, code=code, public_message=_NO_PICTURE_MESSAGE, provider=provider, cost_usd=cost_usd)
