"""Google's Gemini image models, through `generateContent`.

The `google-genai` client is not used: it reads answers of any size and would bring Google's authentication library, for
one call.
"""

from __future__ import annotations

import asyncio
import base64
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from providers.images import errors as faults
from providers.images.base import Capabilities, GeneratedImage, ImageRequest, OnStarted
from providers.images.decode_picture import decode_picture
from providers.images.gemini.answer import REFUSALS, GeminiAnswer, GeminiProblem
from providers.images.gemini.settings import GeminiSettings
from providers.images.http_client import ProviderHttp
from providers.images.prices import TokenUsage, price_of
from providers.images.privacy import Privacy
from schemas.errors import DarkroomError, Invalid, Rejected

if TYPE_CHECKING:
    import httpx2

    from providers.images.config import ProviderConfig

PROVIDER = "gemini"
BASE_URL = "https://generativelanguage.googleapis.com"
MODEL_SETTING = "GEMINI_MODEL"
#: Input pictures of one call (https://ai.google.dev/gemini-api/docs/image-generation).
MAX_INPUTS = 14
#: Inline data of a request may have 20 MB in base64; 14 inputs of this size fit.
_MAX_INPUT_BYTES = 1_000_000
#: Aspect ratios, width to height.
_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_DEFAULT_SIZE = "1K"
#: For paid services.
_PRIVACY = Privacy(
    trains_on_inputs=False,
    retention_h=55 * 24,
    source="https://ai.google.dev/gemini-api/docs/usage-policies",
    as_of=date(2026, 11, 25),
)


class GeminiProvider:
    """Edits up to 14 inputs, in order, or generates without inputs; pictures arrive as base64."""

    name = PROVIDER

    def __init__(self, config: ProviderConfig) -> None:
        """Create the client without sending anything.

        Raises:
            Invalid: Mock mode is on, or the key or the model's price is missing.
        """
        settings = config.settings_as(GeminiSettings)
        if config.mock_mode:
            raise Invalid("gemini spends money: not in mock mode", code="mock_mode")
        if settings.api_key is None:
            raise faults.provider_refused(self.name, "gemini needs an API key: set GEMINI_API_KEY")
        self.model = settings.model
        self._image_size = settings.image_size
        priced = self.model if self._image_size == _DEFAULT_SIZE else f"{self.model}@{self._image_size}"
        self._price = price_of(priced, config.prices)
        self.capabilities = Capabilities(
            edit=True,
            generate=True,
            max_inputs=MAX_INPUTS,
            max_input_bytes=_MAX_INPUT_BYTES,
            estimate_usd=self._price.estimate_usd,
            privacy=_PRIVACY,
        )
        key = settings.api_key.get_secret_value()
        self._http = ProviderHttp(self.name, settings.base_url or BASE_URL, {"x-goog-api-key": key})

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_started: OnStarted | None = None,  # noqa: ARG002 - Gemini's work has no id to resume
        resume: str | None = None,  # noqa: ARG002 - the same
    ) -> GeneratedImage:
        """See `ImageProvider.generate`."""
        path = f"/v1beta/models/{self.model}:generateContent"
        try:
            async with asyncio.timeout(request.deadline_s):
                response = await self._http.request("POST", path, request.deadline_s, json=self._body(request))
        except TimeoutError:
            raise faults.no_answer(self.name, request.deadline_s) from None
        if not response.is_success:
            raise self._map_status(response)
        return self._picture(response.content)

    async def aclose(self) -> None:
        """See `ImageProvider.aclose`."""
        await self._http.aclose()

    def _body(self, request: ImageRequest) -> dict[str, Any]:
        pictures = [
            {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(data).decode()}}
            for data in request.inputs
        ]
        image = {"aspectRatio": _nearest_ratio(request.width, request.height), "imageSize": self._image_size}
        return {
            "contents": [{"role": "user", "parts": [{"text": request.prompt}, *pictures]}],
            "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": image},
        }

    def _picture(self, body: bytes) -> GeneratedImage:
        try:
            answer = GeminiAnswer.model_validate_json(body)
        except ValidationError:
            raise faults.no_picture(self.name, "gemini's answer can't be read") from None
        used = answer.usage_metadata
        input_usd = self._price.of_tokens(TokenUsage(image_in=used.prompt_token_count))
        cost = input_usd + self._price.per_image_usd
        if answer.picture is None:
            refused = [reason for reason in answer.reasons if reason in REFUSALS]
            if refused:
                raise Rejected(
                    "gemini refused the content", code="moderation_blocked", provider=self.name, reason=refused[0],
                    cost_usd=input_usd,
                )  # fmt: skip
            raise faults.no_picture(self.name, "gemini answered without a picture", cost_usd=input_usd)
        data, _ = decode_picture(self.name, answer.picture, is_url=False, cost_usd=cost)
        return GeneratedImage(
            provider=self.name,
            model=self.model,
            data=data,
            input_tokens=used.prompt_token_count,
            output_tokens=used.candidates_token_count,
            cost_usd=cost,
        )

    def _map_status(self, response: httpx2.Response) -> DarkroomError:
        if response.status_code == HTTPStatus.NOT_FOUND:
            return faults.model_retired(self.name, self.model, MODEL_SETTING, response.status_code)
        error = faults.from_status(self.name, response.status_code, response.headers)
        if error.retryable and error.retry_after is None:
            error.retry_after = _retry_after_s(response)
        return error


def _retry_after_s(response: httpx2.Response) -> float | None:
    try:
        return GeminiProblem.model_validate_json(response.content).retry_after_s
    except ValidationError:
        return None


def _nearest_ratio(width: int, height: int) -> str:
    def distance(ratio: str) -> float:
        across, down = ratio.split(":")
        wanted, offered = width / height, int(across) / int(down)
        return max(wanted, offered) / min(wanted, offered)

    return min(_RATIOS, key=distance)
