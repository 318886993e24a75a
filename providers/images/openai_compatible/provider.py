"""A server of your own, or a proxy, that speaks OpenAI's images API: generations as JSON, edits as multipart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic import Field, TypeAdapter, ValidationError

from providers.images import errors as faults
from providers.images.base import Capabilities, GeneratedImage, ImageRequest, OnStarted, SurplusInputs
from providers.images.decode_picture import decode_picture
from providers.images.http_client import ProviderHttp
from providers.images.openai_compatible.settings import OpenAICompatibleSettings
from providers.images.prices import price_of
from providers.images.privacy import Privacy
from schemas.common import Payload
from schemas.errors import DarkroomError, Invalid, Rejected

if TYPE_CHECKING:
    import httpx2

    from providers.images.config import ProviderConfig

#: Codes of a refusal of the content.
_MODERATION = frozenset({"moderation_blocked", "content_policy_violation", "content_filter", "safety_violation"})
_EXTRA = TypeAdapter(dict[str, Any])


class _Item(Payload):
    b64_json: str | None = Field(default=None, repr=False)
    url: str | None = Field(default=None, repr=False)


class _Images(Payload):
    data: tuple[_Item, ...] | None = None


class _Error(Payload):
    code: str | int | None = None


class _Problem(Payload):
    error: _Error | None = None


class OpenAICompatibleProvider:
    """Edits inputs in order, or generates without inputs."""

    name = "openai_compatible"

    def __init__(self, config: ProviderConfig) -> None:
        """Create the client without sending anything.

        Raises:
            Invalid: The address or the price of a paid model is missing, OPENAI_COMPATIBLE_EXTRA can't be read, or the
                server is paid and mock mode is on.
        """
        settings = config.settings_as(OpenAICompatibleSettings)
        if settings.base_url is None:
            raise faults.provider_refused(
                self.name, "openai_compatible needs an address: set OPENAI_COMPATIBLE_BASE_URL"
            )
        if settings.paid and config.mock_mode:
            raise Invalid("openai_compatible spends money: not in mock mode", code="mock_mode")
        self.model = settings.model
        self._price_usd = price_of(self.model, config.prices).per_image_usd if settings.paid else 0.0
        self._extra = _parse_extra(settings.extra)
        self.capabilities = Capabilities(
            edit=settings.max_inputs > 0,
            generate=True,
            max_inputs=settings.max_inputs,
            surplus_inputs=SurplusInputs.COMPOSE if settings.max_inputs > 1 else SurplusInputs.REFUSE,
            paid=settings.paid,
            estimate_usd=self._price_usd,
            privacy=Privacy(self_hosted=not settings.paid),
        )
        key = settings.api_key
        headers = {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        self._http = ProviderHttp(self.name, settings.base_url.rstrip("/"), headers)

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_started: OnStarted | None = None,  # noqa: ARG002 - the API has no ids to resume
        resume: str | None = None,  # noqa: ARG002 - the same
    ) -> GeneratedImage:
        """See `ImageProvider.generate`."""
        try:
            async with asyncio.timeout(request.deadline_s):
                response = await self._request(request)
        except TimeoutError:
            raise faults.no_answer(self.name, request.deadline_s) from None
        if not response.is_success:
            raise self._map_status(response)
        return self._picture(response.content)

    async def aclose(self) -> None:
        """See `ImageProvider.aclose`."""
        await self._http.aclose()

    async def _request(self, request: ImageRequest) -> httpx2.Response:
        fields: dict[str, Any] = {
            "model": self.model,
            "prompt": request.prompt,
            "size": f"{request.width}x{request.height}",
            "n": 1,
            # An address in the network of the server could not be fetched.
            "response_format": "b64_json",
        }
        fields = {name: value for name, value in (fields | self._extra).items() if value is not None}
        if not request.inputs:
            return await self._http.request("POST", "/images/generations", request.deadline_s, json=fields)
        name = "image" if len(request.inputs) == 1 else "image[]"
        files = [(name, (f"{number}.jpg", data, "image/jpeg")) for number, data in enumerate(request.inputs)]
        return await self._http.request("POST", "/images/edits", request.deadline_s, data=fields, files=files)

    def _picture(self, body: bytes) -> GeneratedImage:
        cost = self._price_usd
        try:
            first = next(iter(_Images.model_validate_json(body).data or ()), None)
        except ValidationError:
            raise faults.no_picture(self.name, "the server's answer can't be read", cost_usd=cost) from None
        if first is None or not (first.b64_json or first.url):
            raise faults.no_picture(self.name, "the server answered without a picture", cost_usd=cost)
        text = first.b64_json or first.url or ""
        data, url = decode_picture(self.name, text, is_url=not first.b64_json, cost_usd=cost)
        return GeneratedImage(provider=self.name, model=self.model, data=data, url=url, cost_usd=cost)

    def _map_status(self, response: httpx2.Response) -> DarkroomError:
        try:
            problem = _Problem.model_validate_json(response.content)
        except ValidationError:
            problem = _Problem()
        code = problem.error.code if problem.error else None
        if code in _MODERATION:
            return Rejected(
                "the server refused the content", code="moderation_blocked", provider=self.name,
                http_status=response.status_code, reason=str(code),
            )  # fmt: skip
        return faults.from_status(self.name, response.status_code, response.headers)


def _parse_extra(extra: str | None) -> dict[str, Any]:
    try:
        return _EXTRA.validate_json(extra or "{}")
    except ValidationError:
        raise Invalid("OPENAI_COMPATIBLE_EXTRA is not a JSON object", code="provider_options") from None
