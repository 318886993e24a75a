"""The fields of the Gemini API's answers that are used."""

from __future__ import annotations

import re

from pydantic import Field
from pydantic.alias_generators import to_camel

from schemas.common import Payload

#: `finishReason` and `blockReason` of a refusal of the content. NO_IMAGE comes with a text that says no.
REFUSALS = frozenset(
    {
        "SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "RECITATION", "MODEL_ARMOR", "JAILBREAK", "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "NO_IMAGE",
    }
)  # fmt: skip
_DELAY = re.compile(r"(\d{1,6}(?:\.\d+)?)s")


class _Camel(Payload, alias_generator=to_camel):
    """Base of values whose fields are written in camel case."""


class InlineData(_Camel):
    """A picture in base64."""

    data: str = Field("", repr=False)


class GeminiPart(_Camel):
    """A part of the content: only pictures are used; `thought` marks drafts."""

    inline_data: InlineData | None = None
    thought: bool = False


class Content(_Camel):
    """The parts of a candidate."""

    parts: tuple[GeminiPart, ...] = ()


class Candidate(_Camel):
    """One answer of the model; there is one."""

    content: Content | None = None
    finish_reason: str | None = None


class PromptFeedback(_Camel):
    """Why a prompt was blocked."""

    block_reason: str | None = None


class UsageMetadata(_Camel):
    """Tokens of one call."""

    prompt_token_count: int = Field(0, ge=0)
    candidates_token_count: int = Field(0, ge=0)


class GeminiAnswer(_Camel):
    """The body of a 200 answer."""

    candidates: tuple[Candidate, ...] = ()
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata = UsageMetadata()

    @property
    def picture(self) -> str | None:
        """The base64 of the last picture that is not a draft; None if there is none."""
        parts = [part for candidate in self.candidates if candidate.content for part in candidate.content.parts]
        found = [part.inline_data.data for part in parts if part.inline_data and not part.thought]
        return found[-1] if found else None

    @property
    def reasons(self) -> list[str]:
        """Why there is no picture, in the words of the API."""
        blocked = self.prompt_feedback.block_reason if self.prompt_feedback else None
        return [reason for reason in (blocked, *(each.finish_reason for each in self.candidates)) if reason]


class ErrorDetail(_Camel):
    """A detail of an error; RetryInfo has the wait, such as `12.5s`."""

    retry_delay: str | None = None


class ErrorBody(_Camel):
    """An error; only its details are used."""

    status: str = ""
    details: tuple[ErrorDetail, ...] = ()


class GeminiProblem(_Camel):
    """The body of an answer other than success."""

    error: ErrorBody = ErrorBody()

    @property
    def retry_after_s(self) -> float | None:
        """The wait that the API asks for, seconds; None if it names none."""
        found = [_DELAY.fullmatch(detail.retry_delay) for detail in self.error.details if detail.retry_delay]
        return next((float(match[1]) for match in found if match), None)
