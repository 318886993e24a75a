"""The model's answer: a picture, a refusal of the content, or a failure."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from providers.images import errors as faults
from providers.images.fal.api import PROVIDER
from schemas.common import Payload
from schemas.errors import DarkroomError, InputRefused, Rejected, Transient

if TYPE_CHECKING:
    import httpx2

_REFUSED = "content_policy_violation"
#: Types of faults that a picture causes (https://fal.ai/docs/model-apis/errors).
_PICTURE_FAULTS = frozenset(
    {
        "image_too_small", "image_too_large", "image_load_error", "file_too_large", "face_detection_error",
        "unsupported_image_format", "invalid_image", "file_download_error",
    }
)  # fmt: skip
_CLIENT_CANCELLED = 499


class FalFile(Payload):
    """A file on fal's CDN, or a data URL."""

    url: str = Field(repr=False)


class FalOutput(Payload):
    """The output of an image app."""

    images: tuple[FalFile, ...] = ()
    image: FalFile | None = None
    has_nsfw_concepts: tuple[bool, ...] | None = None

    @property
    def url(self) -> str | None:
        """The address of the first picture; None if there is none."""
        first = next(iter(self.images), self.image)
        return first.url if first else None


class FalFaultItem(Payload):
    """One fault of a model."""

    type: str = ""


class FalFaults(Payload):
    """The body of a model's error."""

    detail: tuple[FalFaultItem, ...] = ()


def output_of(answer: httpx2.Response, cost_usd: float) -> str:
    """Return the address of the picture.

    Raises:
        Rejected: The content was refused.
        InputRefused, Invalid: The model can't use the inputs.
        Transient: The work failed and was not billed.
        Ambiguous: The answer has no picture.
    """
    if not answer.is_success:
        raise _failure(answer)
    try:
        output = FalOutput.model_validate_json(answer.content)
    except ValidationError:
        raise faults.no_picture(PROVIDER, "fal's answer can't be read", cost_usd=cost_usd) from None
    if any(output.has_nsfw_concepts or ()):
        raise _refused(answer.status_code, cost_usd)
    if not output.url:
        raise faults.no_picture(PROVIDER, "fal answered without a picture", cost_usd=cost_usd)
    return output.url


def _failure(answer: httpx2.Response) -> DarkroomError:
    try:
        types = {item.type for item in FalFaults.model_validate_json(answer.content).detail}
    except ValidationError:  # the queue's own errors have a sentence there
        types = set()
    status = answer.status_code
    if _REFUSED in types:
        return _refused(status, 0.0)
    if known := sorted(types & _PICTURE_FAULTS):
        return InputRefused("fal can't use a picture", provider=PROVIDER, http_status=status, reason=known[0])
    if status == _CLIENT_CANCELLED:
        return Transient("the request was cancelled", code="prediction_canceled", provider=PROVIDER)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Transient("the request failed", code="prediction_failed", provider=PROVIDER, http_status=status)
    return faults.from_status(PROVIDER, status, answer.headers)


def _refused(status: int, cost_usd: float) -> Rejected:
    return Rejected(
        "fal refused the content", code="moderation_blocked", provider=PROVIDER, http_status=status, reason=_REFUSED,
        cost_usd=cost_usd,
    )  # fmt: skip
