"""OpenAI's image models, through the `openai` async client with its own retries off."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING, Any

import httpx2
import openai
from pydantic import ValidationError

from providers.images import errors as faults
from providers.images.base import Capabilities, GeneratedImage, ImageRequest, OnStarted
from providers.images.decode_picture import decode_picture
from providers.images.http_client import client_for
from providers.images.limited_transport import AnswerTooLarge
from providers.images.openai.answer import Answer, Model
from providers.images.openai.models import MAX_INPUTS, check_options, parse_size, rules_of, undated
from providers.images.openai.settings import OpenAISettings
from providers.images.prices import price_of
from providers.images.privacy import Privacy
from providers.images.retirement import ASK_TIMEOUT_S, ModelStatus
from schemas.errors import DarkroomError, Invalid, Rejected

if TYPE_CHECKING:
    from providers.images.config import ProviderConfig

MODEL_SETTING = "OPENAI_MODEL"
BASE_URL = "https://api.openai.com/v1"
#: Codes of a refusal of the content rather than of the request.
MODERATION = frozenset({"moderation_blocked", "content_policy_violation", "content_filter", "safety_violation"})
_NO_SUCH_MODEL = "model_not_found"
#: Statuses for which the code means a missing model; 403 means a model that the project may not use.
_MODEL_MISSING_STATUSES = frozenset({400, 404, 410})
#: Codes of an account without money, sent with 429 or 400.
_UNPAID = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
#: Settings that are sent as they are, unless unset; the quality that is set replaces the request's.
_OPTIONS = ("quality", "input_fidelity", "moderation", "complexity")
_CONNECT_S = 5.0
_PRIVACY = Privacy(
    trains_on_inputs=False,
    retention_h=720,
    regions=("us",),
    source="https://developers.openai.com/api/docs/guides/your-data",
    as_of=date(2026, 11, 25),
)


class OpenAIProvider:
    """Edits up to 16 inputs, in order, or generates without inputs; pictures arrive as base64 or an address."""

    name = "openai"

    def __init__(self, config: ProviderConfig) -> None:
        """Create the client without sending anything.

        Raises:
            Invalid: Mock mode is on, the key or the model's price is missing, or the model refuses a setting.
        """
        settings = config.settings_as(OpenAISettings)
        if config.mock_mode:
            raise Invalid("openai spends money: not in mock mode", code="mock_mode")
        if settings.api_key is None:
            raise faults.provider_refused(self.name, "openai needs an API key: set OPENAI_API_KEY")
        self.model = settings.model
        self._price = price_of(self.model if self.model in config.prices else undated(self.model), config.prices)
        self._size = parse_size(settings.size) if settings.size else None
        check_options(self.model, quality=settings.quality, complexity=settings.complexity, size=self._size)
        rules = rules_of(self.model)
        options = {"output_format": "jpeg"} | settings.model_dump(include=set(_OPTIONS), exclude_none=True)
        if not rules.input_fidelity:
            options.pop("input_fidelity", None)
        self._options: dict[str, Any] = options
        self.capabilities = Capabilities(
            edit=True,
            generate=True,
            max_inputs=MAX_INPUTS,
            sizes=frozenset() if self._size else rules.sizes,
            size_rule=None if self._size else rules.size_rule,
            estimate_usd=self._price.estimate_usd,
            privacy=_PRIVACY,
        )
        self._client = openai.AsyncOpenAI(
            api_key=settings.api_key.get_secret_value(),
            base_url=settings.base_url or BASE_URL,
            max_retries=0,
            http_client=client_for(),
        )

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_started: OnStarted | None = None,  # noqa: ARG002 - OpenAI's work has no id to resume
        resume: str | None = None,  # noqa: ARG002 - the same
    ) -> GeneratedImage:
        """See `ImageProvider.generate`."""
        try:
            async with asyncio.timeout(request.deadline_s):
                body = await self._request(request)
        except TimeoutError:
            raise faults.no_answer(self.name, request.deadline_s) from None
        except openai.OpenAIError as error:
            raise self._map_error(error) from error
        return self._picture(body)

    async def model_status(self) -> ModelStatus | None:
        """See `TellsModelStatus.model_status`."""
        timeout = httpx2.Timeout(ASK_TIMEOUT_S, connect=_CONNECT_S, pool=_CONNECT_S)
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                body = (await self._client.models.with_raw_response.retrieve(self.model, timeout=timeout)).content
            model = Model.model_validate_json(body)
        except openai.NotFoundError as error:
            # A proxy without this endpoint answers 404 too, but without the code.
            missing = error.code == _NO_SUCH_MODEL
            return ModelStatus(model=self.model, setting=MODEL_SETTING, available=False) if missing else None
        except ValidationError:
            return None
        except TimeoutError:
            raise faults.no_answer(self.name, ASK_TIMEOUT_S) from None
        except openai.OpenAIError as error:
            raise self._map_error(error) from error
        return ModelStatus(model=self.model, setting=MODEL_SETTING, available=True, shutdown_date=model.shutdown_date)

    async def aclose(self) -> None:
        """See `ImageProvider.aclose`."""
        await self._client.close()

    async def _request(self, request: ImageRequest) -> bytes:
        parameters: dict[str, Any] = {
            "model": self.model,
            "prompt": request.prompt,
            "size": "{}x{}".format(*(self._size or (request.width, request.height))),
            "quality": request.quality,
            "n": 1,
            "timeout": httpx2.Timeout(None, connect=_CONNECT_S, pool=_CONNECT_S),
        } | self._options
        images = self._client.images.with_raw_response
        if not request.inputs:
            parameters.pop("input_fidelity", None)
            generated: bytes = (await images.generate(**parameters)).content
            return generated
        parameters.pop("moderation", None)
        files = [(f"{number}.jpg", data, "image/jpeg") for number, data in enumerate(request.inputs)]
        edited: bytes = (await images.edit(image=files, **parameters)).content
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
        data, url = decode_picture(
            self.name, first.b64_json or first.url or "", is_url=not first.b64_json, cost_usd=cost
        )
        return GeneratedImage(
            provider=self.name,
            model=self.model,
            data=data,
            url=url,
            input_tokens=tokens.text_in + tokens.image_in if tokens else 0,
            output_tokens=tokens.text_out + tokens.image_out if tokens else 0,
            cost_usd=cost,
        )

    def _map_error(self, error: openai.OpenAIError) -> DarkroomError:
        provider = self.name
        match error:
            case openai.APIStatusError():
                return self._map_status_error(error)
            case openai.APIConnectionError(
                __cause__=httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.PoolTimeout()
            ):
                return faults.unreachable(provider)
            case openai.APIConnectionError(__cause__=AnswerTooLarge()):
                return faults.no_picture(provider, "openai's answer is too large", code="answer_too_large")
            case _:
                return faults.cut_off(provider)

    def _map_status_error(self, error: openai.APIStatusError) -> DarkroomError:
        provider, code = self.name, error.code
        if code in MODERATION:
            return Rejected(
                "openai refused the content",
                code="moderation_blocked",
                provider=provider,
                http_status=error.status_code,
                reason=code,
            )
        if code in _UNPAID:
            return faults.provider_refused(provider, "openai's account has no money left")
        if code == _NO_SUCH_MODEL and error.status_code in _MODEL_MISSING_STATUSES:
            return faults.model_retired(provider, self.model, MODEL_SETTING, error.status_code)
        return faults.from_status(provider, error.status_code, error.response.headers, reason=_one_word(code))


def _one_word(code: str | None) -> str | None:
    """Return the code if it is one word; any other text from a provider may contain secrets."""
    return code if code and code.isidentifier() and len(code) <= 64 else None  # noqa: PLR2004 - a word, not a text
