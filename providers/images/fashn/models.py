"""What FASHN's models take.

| model | garment | prompt | options |
|---|---|---|---|
| `tryon-v1.6` | one | no | `mode`, `category`, `moderation_level` |
| `tryon-max` | one, or an accessory | yes, short wishes | `generation_mode`, `resolution` |

Source: https://docs.fashn.ai/api-reference and the types of the PyPI package `fashn`, read on 2026-11-25.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from schemas.common import Frozen
from schemas.errors import Invalid

if TYPE_CHECKING:
    from providers.images.base import ImageRequest
    from providers.images.fashn.settings import FashnSettings


class FashnModel(Frozen):
    """The names of a model's inputs, the modes that it has, and whether it takes a prompt."""

    garment: str
    mode: str
    modes: tuple[str, ...]
    takes_prompt: bool = False
    options: tuple[str, ...] = ()

    def inputs(self, request: ImageRequest, settings: FashnSettings) -> dict[str, Any]:
        """Return the inputs for `request`, whose first picture shows the person."""
        person, garment = (f"data:image/jpeg;base64,{base64.b64encode(data).decode()}" for data in request.inputs)
        # Base64 output is kept in memory for an hour instead of on a CDN for three days.
        inputs = {"model_image": person, self.garment: garment, "return_base64": True, "output_format": "jpeg"}
        inputs |= {self.mode: settings.mode} | settings.model_dump(include=set(self.options), exclude_none=True)
        if self.takes_prompt and request.producer_prompt:
            inputs["prompt"] = request.producer_prompt
        return inputs


MODELS = {
    "tryon-v1.6": FashnModel(
        garment="garment_image",
        mode="mode",
        modes=("performance", "balanced", "quality"),
        options=("category", "moderation_level"),
    ),
    "tryon-max": FashnModel(
        garment="product_image",
        mode="generation_mode",
        modes=("balanced", "quality"),
        takes_prompt=True,
        options=("resolution",),
    ),
}


def model_named(settings: FashnSettings) -> FashnModel:
    """Return the model that is set.

    Raises:
        Invalid: There is no such model, or it has no such mode; the message names the setting and the remedy.
    """
    model = MODELS.get(settings.model)
    if model is None:
        message = f"FASHN_MODEL is {settings.model!r}; choose one of {', '.join(MODELS)}"
        raise Invalid(message, code="provider_options")
    if settings.mode not in model.modes:
        message = f"FASHN_MODE is {settings.mode!r}; {settings.model} has {', '.join(model.modes)}"
        raise Invalid(message, code="provider_options")
    return model
