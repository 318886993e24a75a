"""Replicate: creates a prediction, has its id stored and waits for it; resumes a known prediction after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING, Any

from providers.images import errors as faults
from providers.images.base import KEEP_WORK, Capabilities, GeneratedImage, ImageRequest, OnStarted
from providers.images.decode_picture import decode_picture
from providers.images.prices import price_of
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
_MIN_POLL_S = 0.5
_MAX_POLL_S = 5.0
_POLL_GROWTH = 1.5
#: Poll interval of a prediction that ends with a webhook, seconds: a webhook may be lost.
_POLL_WITH_WEBHOOKS_S = 60.0
#: Time to cancel a prediction, seconds: an interrupted actor has about a second to end.
_CANCEL_S = 0.8
#: Minimum deadline of a prediction, seconds (https://replicate.com/docs/topics/predictions/create-a-prediction).
_MIN_CANCEL_AFTER_S = 5


class ReplicateProvider:
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
        self._webhook_url = settings.webhook_url
        self.capabilities = Capabilities(
            edit=False, generate=True, resumable=True, estimate_usd=self._price.estimate_usd
        )
        self._api = ReplicateApi(settings.api_token.get_secret_value(), settings.base_url or BASE_URL)
        self._waiting: dict[str, asyncio.Event] = {}
        self._webhooks_arrive = False

    async def generate(
        self, request: ImageRequest, *, on_started: OnStarted | None = None, resume: str | None = None
    ) -> GeneratedImage:
        """See `ImageProvider.generate`."""
        until = time.monotonic() + request.deadline_s
        try:
            async with asyncio.timeout(request.deadline_s):
                if resume:
                    prediction = await self._wait(
                        Prediction(id=resume, status=PredictionStatus.PROCESSING), until, pause=0
                    )
                else:
                    prediction = await self._start(request, on_started)
                    prediction = await self._wait(
                        prediction, until, pause=_MIN_POLL_S, expects_webhook=self.expects_webhooks
                    )
        except TimeoutError:
            raise faults.no_answer(self.name, request.deadline_s) from None
        return self._picture(prediction)

    @property
    def expects_webhooks(self) -> bool:
        """See `TakesWebhooks.expects_webhooks`."""
        return self._webhook_url is not None

    def set_webhooks_arrive(self, *, arrive: bool) -> None:
        """See `TakesWebhooks.set_webhooks_arrive`. Polls every prediction now, as a webhook may have been missed."""
        self._webhooks_arrive = arrive
        for woken in self._waiting.values():
            woken.set()

    def wake(self, work_id: str) -> None:
        """See `TakesWebhooks.wake`."""
        if work_id in self._waiting:
            self._waiting[work_id].set()

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

    async def _start(self, request: ImageRequest, on_started: OnStarted | None) -> Prediction:
        prediction = await self._create(request)
        try:
            if on_started:
                await on_started(prediction.id)
        except BaseException:
            # Without a stored id the prediction can't be resumed.
            await self._cancel(prediction.id)
            raise
        return prediction

    async def _create(self, request: ImageRequest) -> Prediction:
        body: dict[str, Any] = {"input": _inputs(request)}
        if self._webhook_url:
            body |= {"webhook": self._webhook_url, "webhook_events_filter": ["completed"]}
        # After the deadline the result is not used and should not be billed.
        headers = {"cancel-after": f"{max(_MIN_CANCEL_AFTER_S, math.ceil(request.deadline_s))}s"}
        creation = asyncio.ensure_future(self._api.create(self.model, body, headers, request.deadline_s))
        try:
            return await asyncio.shield(creation)
        except asyncio.CancelledError:
            # Wait for the id, without which the prediction can't be cancelled.
            await self._cancel_when_created(creation)
            raise

    async def _wait(
        self, prediction: Prediction, until: float, *, pause: float, expects_webhook: bool = False
    ) -> Prediction:
        woken = self._waiting.setdefault(prediction.id, asyncio.Event())
        try:
            while prediction.status.running:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await woken.wait()
                pause = min(_MAX_POLL_S, max(_MIN_POLL_S, pause * _POLL_GROWTH))
                # After a webhook, poll often again: the next answer may be older than the webhook.
                if expects_webhook and self._webhooks_arrive and not woken.is_set():
                    pause = _POLL_WITH_WEBHOOKS_S
                # Cleared before the poll, so that a webhook during the poll causes another one.
                woken.clear()
                prediction, pause = await self._poll(prediction, until, pause)
        except asyncio.CancelledError as cancelled:
            if KEEP_WORK not in cancelled.args and time.monotonic() < until:
                await self._cancel(prediction.id)
            raise
        finally:
            self._waiting.pop(prediction.id, None)
        return prediction

    async def _poll(self, prediction: Prediction, until: float, pause: float) -> tuple[Prediction, float]:
        """Return the current prediction and the next pause, seconds; polling is free, so a failed poll is repeated."""
        try:
            return await self._api.get(prediction.id, max(0.1, until - time.monotonic())), pause
        except Transient as error:
            return prediction, max(min(pause, _MAX_POLL_S), error.retry_after or 0)

    async def _cancel_when_created(self, creation: asyncio.Future[Prediction]) -> None:
        done, _ = await asyncio.wait([creation], timeout=_CANCEL_S / 2)
        if not done:
            creation.cancel()
        elif not creation.exception():
            await self._cancel(creation.result().id)

    async def _cancel(self, prediction_id: str) -> None:
        # If this fails, the prediction ends at its own deadline.
        with contextlib.suppress(DarkroomError, TimeoutError):
            async with asyncio.timeout(_CANCEL_S / 2):
                await self._api.cancel(prediction_id, _CANCEL_S)

    def _picture(self, prediction: Prediction) -> GeneratedImage:
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
