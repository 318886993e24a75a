"""The fields of OpenAI's answers that are used. The SDK does not validate its models, so these do."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from providers.images.prices import TokenUsage
from providers.images.reported import TokenCount
from schemas.common import Payload


class Item(Payload):
    """One picture: base64, or an address."""

    b64_json: str | None = Field(default=None, repr=False)
    url: str | None = Field(default=None, repr=False)


class TokenDetails(Payload):
    """Tokens of one direction, by kind."""

    image_tokens: TokenCount = 0
    text_tokens: TokenCount = 0


class Usage(Payload):
    """Tokens of one call. Without details all count as image tokens, which cost more."""

    input_tokens: TokenCount = 0
    output_tokens: TokenCount = 0
    input_tokens_details: TokenDetails | None = None
    output_tokens_details: TokenDetails | None = None

    @property
    def tokens(self) -> TokenUsage:
        """The tokens by the kinds of the price table."""
        incoming = self.input_tokens_details or TokenDetails(image_tokens=self.input_tokens)
        outgoing = self.output_tokens_details or TokenDetails(image_tokens=self.output_tokens)
        return TokenUsage(
            text_in=incoming.text_tokens,
            text_out=outgoing.text_tokens,
            image_in=incoming.image_tokens,
            image_out=outgoing.image_tokens,
        )


class Model(Payload):
    """A model: its id, and the day on which it ends, if announced."""

    id: str
    shutdown_date: date | None = None


class Answer(Payload):
    """The body of a 200 answer."""

    data: tuple[Item, ...] | None = None
    usage: Usage | None = None
