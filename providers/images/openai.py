"""OpenAI's image models, through the `openai` async client with its own retries off."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import openai
from pydantic import ValidationError

from providers.images import faults
from providers.images.answer import MAX_ANSWER_BYTES, decoded
from providers.images.base import Capabilities, GeneratedImage, ImageRequest, OnStarted
from providers.images.limited_transport import AnswerTooLarge, LimitedTransport
from providers.images.openai_answer import Answer
from providers.images.prices import price_of
from schemas.errors import DarkroomError, Invalid, Rejected

if TYPE_CHECKING:
    from providers.images.registry import ProviderConfig

DEFAULT_MODEL = "gpt-image-1.5"
BASE_URL = "https://api.openai.com/v1"
#: https://developers.openai.com/api/docs/guides/images-vision: inputs of one edit, and the sizes of the 1.x models.
MAX_INPUTS = 16
_SIZES_1 = frozenset({"1024x1024", "1024x1536", "1536x1024"})
_FIXED_SIZES = {"gpt-image-1-mini": _SIZES_1, "gpt-image-1.5": _SIZES_1}
#: Codes of a refusal of the content rather than of the request.
MODERATION = frozenset({"moderation_blocked", "content_policy_violation", "content_filter", "safety_violation"})
#: Codes of an account without money, which come as 429 or 400.
_UNPAID = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
#: Passed on as they are where they are set; a quality that is set wins over the request's.
_OPTIONS = ("quality", "background", "output_format", "output_compression", "input_fidelity", "moderation")
_CONNECT_S = 5.0
#: One worker process may have a thousand generations in the air.
_MAX_CONNECTIONS = 1024


class OpenAIProvider:
    """Edits with up to 16 inputs in order, generations without input; pictures come back as base64 or an address."""

    name = "openai"

    def __init__(self, config: ProviderConfig) -> None:
        """Make the client; nothing is sent yet. `config.options` may hold `background`, `output_format`, and so on.

        Raises:
            Invalid: It is mock mode, there is no key, or no price for the model.
        """
        if config.mock_mode:
            raise Invalid("openai spends money: not in mock mode", code="mock_mode")
        if config.api_key is None:
            raise faults.provider_refused(self.name, "openai needs an API key")
        self._model = config.model or DEFAULT_MODEL
        self._price = price_of(self._model, config.prices)
        self._options: dict[str, Any] = {key: config.options[key] for key in _OPTIONS if key in config.options}
        self._options.setdefault("output_format", "jpeg")
        self.capabilities = Capabilities(
            edit=True,
            generate=True,
            max_inputs=MAX_INPUTS,
            sizes=_FIXED_SIZES.get(self._model, frozenset()),
            estimate_usd=self._price.estimate_usd,
        )
        self._client = openai.AsyncOpenAI(
            api_key=config.api_key.get_secret_value(),
            base_url=config.base_url or BASE_URL,
            max_retries=0,
            http_client=_http_client(),
        )

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_started: OnStarted | None = None,  # noqa: ARG002 - OpenAI's work has no id that could be asked about
        resume: str | None = None,  # noqa: ARG002 - the same
    ) -> GeneratedImage:
        """See `ImageProvider.generate`."""
        try:
            async with asyncio.timeout(request.deadline_s):
                body = await self._call(request)
        except TimeoutError:
            raise faults.no_answer(self.name, request.deadline_s) from None
        except openai.OpenAIError as error:
            raise _translated(error) from error
        return self._picture(body)

    async def aclose(self) -> None:
        """See `ImageProvider.aclose`."""
        await self._client.close()

    async def _call(self, request: ImageRequest) -> bytes:
        wanted: dict[str, Any] = {
            "model": self._model,
            "prompt": request.prompt,
            "size": f"{request.width}x{request.height}",
            "quality": request.quality,
            "n": 1,
            "timeout": httpx2.Timeout(None, connect=_CONNECT_S, pool=_CONNECT_S),
        } | self._options
        images = self._client.images.with_raw_response
        if not request.inputs:
            wanted.pop("input_fidelity", None)
            generated: bytes = (await images.generate(**wanted)).content
            return generated
        wanted.pop("moderation", None)
        files = [(f"{number}.jpg", data, "image/jpeg") for number, data in enumerate(request.inputs)]
        edited: bytes = (await images.edit(image=files, **wanted)).content
        return edited

    def _picture(self, body: bytes) -> GeneratedImage:
        try:
            answer = Answer.model_validate_json(body)
        except ValidationError:
            raise faults.no_picture(self.name, "openai's answer can't be read") from None
        tokens = answer.usage.tokens if answer.usage else None
        cost = self._price.of_tokens(tokens) if tokens else self._price.estimate_usd
        first = next(iter(answer.data or ()), None)
        if first is None or not (first.b64_json or first.url):
            raise faults.no_picture(self.name, "openai answered without a picture", cost_usd=cost)
        data, url = decoded(self.name, first.b64_json or first.url or "", is_url=not first.b64_json, cost_usd=cost)
        return GeneratedImage(
            provider=self.name,
            model=self._model,
            data=data,
            url=url,
            input_tokens=tokens.text_in + tokens.image_in if tokens else 0,
            output_tokens=tokens.text_out + tokens.image_out if tokens else 0,
            cost_usd=cost,
        )


def _http_client() -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=_MAX_CONNECTIONS, max_keepalive_connections=64)
    transport = LimitedTransport(httpx2.AsyncHTTPTransport(limits=limits), MAX_ANSWER_BYTES)
    return httpx2.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)


def _translated(error: openai.OpenAIError) -> DarkroomError:
    provider = OpenAIProvider.name
    match error:
        case openai.APIStatusError():
            return _refusal(error)
        case openai.APIConnectionError(
            __cause__=httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.PoolTimeout()
        ):
            return faults.unreachable(provider)
        case openai.APIConnectionError(__cause__=AnswerTooLarge()):
            return faults.no_picture(provider, "openai's answer is too large", code="answer_too_large")
        case _:
            return faults.cut_off(provider)


def _refusal(error: openai.APIStatusError) -> DarkroomError:
    provider, code = OpenAIProvider.name, error.code
    if code in MODERATION:
        said = "openai refused the content"
        return Rejected(said, code="moderation_blocked", provider=provider, http_status=error.status_code, reason=code)
    if code in _UNPAID:
        return faults.provider_refused(provider, "openai's account has no money left")
    return faults.from_status(provider, error.status_code, error.response.headers, reason=_safe(code))


def _safe(code: str | None) -> str | None:
    """The code, if it is one word: what a provider answers is not trusted to hold no secrets."""
    return code if code and code.isidentifier() and len(code) <= 64 else None  # noqa: PLR2004 - a word, not a text
