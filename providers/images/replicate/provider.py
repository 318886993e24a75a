"""Replicate: predictions, which can be resumed after a crash."""

from __future__ import annotations

import asyncio
import math
from datetime import date
from typing import TYPE_CHECKING, Any

from providers.images import errors as faults
from providers.images.base import Capabilities, GeneratedImage, ImageRequest
from providers.images.decode_picture import decode_picture
from providers.images.prices import price_of
from providers.images.privacy import Privacy
from providers.images.queued_provider import QueuedProvider
from providers.images.replicate.api import BASE_URL, MODEL_SETTING, PROVIDER, Prediction, PredictionStatus, ReplicateApi
from providers.images.replicate.settings import ReplicateSettings
from providers.images.retirement import ASK_TIMEOUT_S, ModelStatus
from schemas.errors import DarkroomError, Invalid, Rejected, Transient

if TYPE_CHECKING:
    from providers.images.config import ProviderConfig

#: Aspect ratios of FLUX 1.1 Pro; others are sent as `custom` and a size
#: (https://replicate.com/black-forest-labs/flux-1.1-pro/api/schema).
_ASPECTS = ("1:1", "16:9", "3:2", "2:3", "4:5", "5:4", "9:16", "3:4", "4:3")
#: Words in the errors of models that refused the content: "NSFW content detected", "flagged as sensitive (E005)".
_REFUSALS = ("nsfw", "sensitive", "safety", "moderation", "content policy")
#: Whether Replicate trains on inputs is not stated there, so that it counts as unknown.
_PRIVACY = Privacy(
    retention_h=1,
    source="https://replicate.com/docs/topics/predictions/data-retention",
    as_of=date(2026, 11, 25),
)
#: Minimum deadline of a prediction, seconds (https://replicate.com/docs/topics/predictions/create-a-prediction).
_MIN_CANCEL_AFTER_S = 5


class ReplicateProvider(QueuedProvider[Prediction]):
    """Generates from a prompt, with FLUX 1.1 Pro or another model with the same inputs."""

    name = PROVIDER

    def __init__(self, config: ProviderConfig) -> None:
        """Create the client without sending anything.

        Raises:
            Invalid: Mock mode is on, or the token or the model's price is missing.
        """
        settings = config.settings_as(ReplicateSettings)
        if config.mock_mode:
            raise Invalid("replicate spends money: not in mock mode", code="mock_mode")
        if settings.api_token is None:
            raise faults.provider_refused(self.name, "replicate needs an API token: set REPLICATE_API_TOKEN")
        self.model = settings.model
        self._price = price_of(self.model.partition(":")[0], config.prices)
        super().__init__(expects_webhooks=settings.webhook_url is not None)
        self._webhook_url = settings.webhook_url
        self.capabilities = Capabilities(
            edit=False, generate=True, resumable=True, estimate_usd=self._price.estimate_usd, privacy=_PRIVACY
        )
        self._api = ReplicateApi(settings.api_token.get_secret_value(), settings.base_url or BASE_URL)

    async def model_status(self) -> ModelStatus:
        """See `TellsModelStatus.model_status`."""
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                available = await self._api.offers(self.model, ASK_TIMEOUT_S)
        except TimeoutError:
            raise faults.no_answer(self.name, ASK_TIMEOUT_S) from None
        return ModelStatus(model=self.model, setting=MODEL_SETTING, available=available)

    async def aclose(self) -> None:
        """See `ImageProvider.aclose`."""
        await self._api.aclose()

    async def _create(self, request: ImageRequest) -> Prediction:
        body: dict[str, Any] = {"input": _inputs(request)}
        if self._webhook_url:
            body |= {"webhook": self._webhook_url, "webhook_events_filter": ["completed"]}
        # After the deadline the result is not used and should not be billed.
        headers = {"cancel-after": f"{max(_MIN_CANCEL_AFTER_S, math.ceil(request.deadline_s))}s"}
        return await self._api.create(self.model, body, headers, request.deadline_s)

    async def _read(self, work_id: str, read_s: float) -> Prediction:
        return await self._api.get(work_id, read_s)

    async def _cancel(self, work_id: str, read_s: float) -> None:
        await self._api.cancel(work_id, read_s)

    def _picture(self, work: Prediction, request: ImageRequest) -> GeneratedImage:  # noqa: ARG002 - not needed here
        prediction = work
        if prediction.status is not PredictionStatus.SUCCEEDED:
            raise _map_failure(prediction, self._price.per_second_usd * prediction.seconds)
        cost = self._price.of_prediction(prediction.seconds)
        output = (
            prediction.output[0] if isinstance(prediction.output, list) and prediction.output else prediction.output
        )
        if not isinstance(output, str) or not output:
            raise faults.no_picture(self.name, "replicate succeeded without a picture", cost_usd=cost)
        data, url = decode_picture(self.name, output, is_url=True, cost_usd=cost)
        return GeneratedImage(provider=self.name, model=self.model, data=data, url=url, cost_usd=cost)


def _inputs(request: ImageRequest) -> dict[str, Any]:
    inputs: dict[str, Any] = {"prompt": request.prompt, "output_format": "jpg"}
    divisor = math.gcd(request.width, request.height)
    aspect = f"{request.width // divisor}:{request.height // divisor}"
    if aspect in _ASPECTS:
        return inputs | {"aspect_ratio": aspect}
    return inputs | {"aspect_ratio": "custom", "width": request.width, "height": request.height}


def _map_failure(prediction: Prediction, cost_usd: float) -> DarkroomError:
    error = str(prediction.error or "").lower()
    if prediction.status is PredictionStatus.FAILED and any(word in error for word in _REFUSALS):
        return Rejected(
            "replicate refused the content", code="moderation_blocked", provider=PROVIDER, cost_usd=cost_usd
        )
    status = prediction.status
    return Transient(f"the prediction {status}", code=f"prediction_{status}", provider=PROVIDER, cost_usd=cost_usd)
