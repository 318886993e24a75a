"""fal: apps on its queue, whose requests can be resumed after a crash."""

from __future__ import annotations

import io
import math
from datetime import date
from typing import TYPE_CHECKING

from PIL import Image

from providers.images import errors as faults
from providers.images.base import Capabilities, GeneratedImage, ImageRequest, SurplusInputs
from providers.images.decode_picture import decode_picture
from providers.images.fal.answer import output_of
from providers.images.fal.api import BASE_URL, PROVIDER, FalQueue, QueuedRequest
from providers.images.fal.apps import app_named
from providers.images.fal.settings import FalSettings
from providers.images.prices import price_of
from providers.images.privacy import Privacy
from providers.images.queued_provider import QueuedProvider
from schemas.errors import Invalid

if TYPE_CHECKING:
    from providers.images.config import ProviderConfig

#: fal prices by megapixels of 1024 by 1024, each picture rounded up.
_MEGAPIXEL = 1024 * 1024
#: With the headers that are sent, inputs and answers are not stored and pictures expire after an hour. Whether fal
#: trains on them is not stated there, so that it counts as unknown.
_PRIVACY = Privacy(
    retention_h=1,
    source="https://docs.fal.ai/documentation/model-apis/media-expiration",
    as_of=date(2026, 11, 25),
)


class FalProvider(QueuedProvider[QueuedRequest]):
    """Dresses the person of the first input with FLUX VTO or FASHN, or runs another app."""

    name = PROVIDER

    def __init__(self, config: ProviderConfig) -> None:
        """Create the client without sending anything.

        Raises:
            Invalid: Mock mode is on, the key or the app's price is missing, or FAL_INPUTS can't be read.
        """
        settings = config.settings_as(FalSettings)
        if config.mock_mode:
            raise Invalid("fal spends money: not in mock mode", code="mock_mode")
        if settings.key is None:
            raise faults.provider_refused(self.name, "fal needs a key: set FAL_KEY")
        super().__init__()
        self.model = settings.app
        self._price = price_of(self.model, config.prices)
        self._app = app_named(self.model, settings.inputs, settings.max_inputs)
        self.capabilities = Capabilities(
            edit=self._app.max_inputs > 0,
            generate=self._app.max_inputs == 0,
            min_inputs=self._app.min_inputs,
            max_inputs=self._app.max_inputs,
            surplus_inputs=SurplusInputs.COMPOSE if self._app.max_inputs > 1 else SurplusInputs.REFUSE,
            max_input_pixels=self._app.max_input_pixels,
            resumable=True,
            estimate_usd=self._price.estimate_usd,
            privacy=_PRIVACY,
        )
        self._queue = FalQueue(settings.key.get_secret_value(), settings.base_url or BASE_URL, self.model)

    async def aclose(self) -> None:
        """See `ImageProvider.aclose`."""
        await self._queue.aclose()

    async def _create(self, request: ImageRequest) -> QueuedRequest:
        body = self._app.body(request)
        return await self._queue.submit(body, deadline_s=request.deadline_s, webhook_url=None)

    async def _read(self, work_id: str, read_s: float) -> QueuedRequest:
        return await self._queue.read(work_id, read_s)

    async def _cancel(self, work_id: str, read_s: float) -> None:
        await self._queue.cancel(work_id, read_s)

    def _picture(self, work: QueuedRequest, request: ImageRequest) -> GeneratedImage:
        assert work.answer is not None, "only ended work has a picture"  # noqa: S101 - for the type checker
        cost = self._cost_usd(request)
        data, url = decode_picture(self.name, output_of(work.answer, cost), is_url=True, cost_usd=cost)
        left_out = ("prompt",) if request.producer_prompt and not self._app.takes_prompt else ()
        return GeneratedImage(
            provider=self.name, model=self.model, data=data, url=url, cost_usd=cost, left_out=left_out
        )

    def _cost_usd(self, request: ImageRequest) -> float:
        """Return the price; the picture of a try-on has about as many pixels as the person's."""
        inputs = [_megapixels(data) for data in request.inputs]
        output = inputs[0] if inputs else math.ceil(request.width * request.height / _MEGAPIXEL)
        return self._price.of_megapixels(sum(inputs), output)


def _megapixels(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as picture:
        return math.ceil(picture.width * picture.height / _MEGAPIXEL)
