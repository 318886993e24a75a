"""What a provider's answers mean, in our family of errors; one place, so that all providers mean the same.

| answer | error | code |
|---|---|---|
| 429 | `RateLimited` | `rate_limited` |
| 401, 402, 403, 404, used-up quota | `Invalid` | `provider_refused` |
| the model is not offered, or not any more | `Invalid` | `model_retired` |
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

_OURS = "The picture could not be made because of a problem on our side. Please try again later."
_PICTURELESS = "The picture could not be made because the service sent none. Please try again later."

_Meaning = tuple[type[DarkroomError], str]
_STATUS: dict[int, _Meaning] = {
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
_HUNDREDS: dict[int, _Meaning] = {4: (Invalid, "request_refused"), 5: (Transient, "server_error")}
_UNEXPECTED: _Meaning = (Ambiguous, "unexpected_status")


def refuses_to_serve(error: DarkroomError) -> bool:
    """Whether the provider certainly did not do the work and won't now, so that another one may be asked."""
    codes = {PROVIDER_REFUSED, MODEL_RETIRED, OVERLOADED, UNREACHABLE}
    return isinstance(error, RateLimited) or error.error_code in codes


def from_status(provider: str, status: int, headers: Mapping[str, str], *, reason: str | None = None) -> DarkroomError:
    """The error of an HTTP answer that is no success; `reason` is the provider's own code for it."""
    error, code = _STATUS.get(status) or _HUNDREDS.get(status // 100, _UNEXPECTED)
    return error(
        f"{provider} answered {status}",
        code=code,
        public_message=_OURS if code == PROVIDER_REFUSED else None,
        retry_after=retry_after_s(headers),
        provider=provider,
        http_status=status,
        reason=reason,
    )


def provider_refused(provider: str, said: str) -> Invalid:
    """The provider does not serve us at all: no key, no money left, no such model."""
    return Invalid(said, code=PROVIDER_REFUSED, public_message=_OURS, provider=provider)


def model_retired(provider: str, model: str, setting: str, status: int) -> Invalid:
    """The provider does not offer the model that `setting` names; no call can succeed until that is changed."""
    return Invalid(
        f"{provider} does not offer the model {model}; name another one in {setting}",
        code=MODEL_RETIRED,
        public_message=_OURS,
        provider=provider,
        model=model,
        setting=setting,
        http_status=status,
    )


def unreachable(provider: str) -> Transient:
    """No connection was made, so nothing was asked."""
    return Transient(f"{provider} can't be reached", code=UNREACHABLE, provider=provider)


def cut_off(provider: str) -> Ambiguous:
    """The connection broke after the request was sent."""
    return Ambiguous(f"the connection to {provider} broke", code="cut_off", provider=provider)


def no_answer(provider: str, deadline_s: float) -> Ambiguous:
    """The deadline passed."""
    return Ambiguous(f"no answer of {provider} within {deadline_s:g} s", code="no_answer", provider=provider)


def no_picture(provider: str, said: str, *, code: str = "no_picture", cost_usd: float | None = None) -> Ambiguous:
    """A success without a picture that can be used; it may well have been billed."""
    return Ambiguous(said, code=code, public_message=_PICTURELESS, provider=provider, cost_usd=cost_usd)
