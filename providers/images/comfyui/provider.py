"""ComfyUI: prompts of a workflow, which can be resumed after a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.images import errors as faults
from providers.images.base import Capabilities, GeneratedImage, ImageRequest, SurplusInputs
from providers.images.comfyui.api import PROVIDER, ComfyPrompt, ComfyUIApi
from providers.images.comfyui.settings import ComfyUISettings
from providers.images.comfyui.workflow import Workflow
from providers.images.decode_picture import check_picture
from providers.images.privacy import Privacy
from providers.images.queued_provider import QueuedProvider
from schemas.errors import Transient

if TYPE_CHECKING:
    from providers.images.config import ProviderConfig


class ComfyUIProvider(QueuedProvider[ComfyPrompt]):
    """Runs one workflow; the number of `$image` placeholders is the number of inputs it takes."""

    name = PROVIDER

    def __init__(self, config: ProviderConfig) -> None:
        """Read the workflow and create the client without sending anything.

        Raises:
            Invalid: The address or the workflow is missing, or the workflow can't be used.
        """
        settings = config.settings_as(ComfyUISettings)
        if settings.base_url is None or settings.workflow is None:
            message = "comfyui needs an address and a workflow: set COMFYUI_BASE_URL and COMFYUI_WORKFLOW"
            raise faults.provider_refused(self.name, message)
        super().__init__()
        self.model = settings.workflow.stem
        self._workflow = Workflow(settings.workflow)
        pictures = self._workflow.pictures
        self.capabilities = Capabilities(
            edit=pictures > 0,
            generate=pictures == 0,
            min_inputs=pictures,
            max_inputs=pictures,
            surplus_inputs=SurplusInputs.COMPOSE if pictures > 1 else SurplusInputs.REFUSE,
            resumable=True,
            paid=False,
            privacy=Privacy(self_hosted=True),
        )
        self._api = ComfyUIApi(settings.base_url)

    async def aclose(self) -> None:
        """See `ImageProvider.aclose`."""
        await self._api.aclose()

    async def _create(self, request: ImageRequest) -> ComfyPrompt:
        names = [
            await self._api.upload(f"darkroom-{request.task_id}-{request.index}-{number}.jpg", data, request.deadline_s)
            for number, data in enumerate(request.inputs)
        ]
        return await self._api.queue(self._workflow.filled(request, names), request.deadline_s)

    async def _read(self, work_id: str, read_s: float) -> ComfyPrompt:
        return await self._api.read(work_id, read_s)

    async def _cancel(self, work_id: str, read_s: float) -> None:
        await self._api.cancel(work_id, read_s)

    def _picture(self, work: ComfyPrompt, request: ImageRequest) -> GeneratedImage:  # noqa: ARG002 - not needed here
        if work.failed:
            raise Transient("the prompt failed", code="prediction_failed", provider=self.name)
        if work.picture is None:
            raise faults.no_picture(self.name, "the workflow saved no picture", cost_usd=0.0)
        return GeneratedImage(
            provider=self.name, model=self.model, data=check_picture(self.name, work.picture, cost_usd=0.0)
        )
