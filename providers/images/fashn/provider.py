"""FASHN: try-on predictions, which can be resumed after a crash."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from providers.images import errors as faults
from providers.images.base import Capabilities, GeneratedImage, ImageRequest, SurplusInputs
from providers.images.decode_picture import decode_picture
from providers.images.fashn.api import BASE_URL, PROVIDER, FashnApi, FashnPrediction, FashnStatus
from providers.images.fashn.models import model_named
from providers.images.fashn.settings import FashnSettings
from providers.images.prices import price_of
from providers.images.privacy import Privacy
from providers.images.queued_provider import QueuedProvider
from schemas.errors import DarkroomError, InputRefused, Invalid, Rejected, Transient

if TYPE_CHECKING:
    from providers.images.config import ProviderConfig

#: Predictions at once that FASHN allows an account by default.
CONCURRENCY = 6
#: Model that costs one credit: its price is that of a credit.
_ONE_CREDIT_MODEL = "tryon-v1.6"
_INPUT_PX = 2000
#: The content was refused, by FASHN or by a service that it uses.
_REFUSALS = frozenset({"ContentModerationError", "ThirdPartyError"})
_PICTURE_FAULTS = {
    "ImageLoadError": "One of the pictures could not be used.",
    "PoseError": "No person was recognised in one of the pictures. Please use another photo.",
    "InputValidationError": "One of the pictures could not be used.",
}
#: Whether FASHN trains on inputs is not stated there, so that it counts as unknown.
_PRIVACY = Privacy(
    retention_h=1,
    source="https://docs.fashn.ai/api-overview/data-retention-privacy",
    as_of=date(2026, 11, 25),
)


class FashnProvider(QueuedProvider[FashnPrediction]):
    """Dresses the person of the first input in the garments of the second."""

    name = PROVIDER

    def __init__(self, config: ProviderConfig) -> None:
        """Create the client without sending anything.

        Raises:
            Invalid: Mock mode is on, the key or the model's price is missing, or the model refuses a setting.
        """
        self._settings = config.settings_as(FashnSettings)
        if config.mock_mode:
            raise Invalid("fashn spends money: not in mock mode", code="mock_mode")
        if self._settings.api_key is None:
            raise faults.provider_refused(self.name, "fashn needs an API key: set FASHN_API_KEY")
        super().__init__()
        self.model = self._settings.model
        self._model = model_named(self._settings)
        self._price = price_of(self.model, config.prices)
        self._credit_usd = price_of(_ONE_CREDIT_MODEL, config.prices).per_image_usd
        self.capabilities = Capabilities(
            edit=True,
            generate=False,
            min_inputs=2,
            max_inputs=2,
            surplus_inputs=SurplusInputs.COMPOSE,
            max_input_px=_INPUT_PX,
            resumable=True,
            estimate_usd=self._price.estimate_usd,
            concurrency=CONCURRENCY,
            privacy=_PRIVACY,
        )
        self._api = FashnApi(self._settings.api_key.get_secret_value(), self._settings.base_url or BASE_URL)

    async def aclose(self) -> None:
        """See `ImageProvider.aclose`."""
        await self._api.aclose()

    async def _create(self, request: ImageRequest) -> FashnPrediction:
        inputs = self._model.inputs(request, self._settings)
        return await self._api.run(self.model, inputs, request.deadline_s, webhook_url=None)

    async def _read(self, work_id: str, read_s: float) -> FashnPrediction:
        return await self._api.status(work_id, read_s)

    async def _cancel(self, work_id: str, read_s: float) -> None:
        """Do nothing: FASHN has no call that cancels a prediction."""

    def _picture(self, work: FashnPrediction, request: ImageRequest) -> GeneratedImage:
        if work.status is not FashnStatus.COMPLETED:
            raise _failure(work)
        cost = self._price.per_image_usd
        if work.credits_used is not None:
            cost = work.credits_used * self._credit_usd
        output = next(iter(work.output or ()), "")
        if not output:
            raise faults.no_picture(self.name, "fashn completed without a picture", cost_usd=cost)
        data, url = decode_picture(self.name, output, is_url=True, cost_usd=cost)
        left_out = ("prompt",) if request.producer_prompt and not self._model.takes_prompt else ()
        return GeneratedImage(
            provider=self.name, model=self.model, data=data, url=url, cost_usd=cost, left_out=left_out
        )


def _failure(work: FashnPrediction) -> DarkroomError:
    """Return the error for a failed prediction; FASHN does not charge for one."""
    name = work.error.name if work.error else ""
    if name in _REFUSALS:
        return Rejected("fashn refused the content", code="moderation_blocked", provider=PROVIDER, reason=name)
    if name in _PICTURE_FAULTS:
        message = _PICTURE_FAULTS[name]
        return InputRefused("fashn can't use a picture", public_message=message, provider=PROVIDER, reason=name)
    return Transient(f"the prediction {work.status}", code=f"prediction_{work.status}", provider=PROVIDER)
