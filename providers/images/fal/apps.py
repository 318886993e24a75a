"""What fal's apps take. `apps.json` has those known; FAL_INPUTS and FAL_MAX_INPUTS describe any other.

| in the inputs of an app | is replaced by |
|---|---|
| `$prompt` | the full prompt |
| `$try_on` | FLUX VTO's own sentence, followed by what the producer wrote |
| `$image1`, `$image2`, … | that input picture as a data URL |
| `$images` | the list of all of them; left out if there are none |
"""

from __future__ import annotations

import base64
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from schemas.common import Frozen
from schemas.errors import Invalid

if TYPE_CHECKING:
    from providers.images.base import ImageRequest

#: The form of prompt that Black Forest Labs recommend (https://docs.bfl.ai/flux_tools/flux_vto).
TRY_ON = "The person of image 1, maintaining exactly their face and pose, wearing the garments of image 2."
_PROMPTS = ("$prompt", "$try_on")


class FalApp(Frozen):
    """One app: its inputs with placeholders, and how many pictures of which size it takes."""

    inputs: dict[str, Any]
    min_inputs: int = 0
    max_inputs: int = 0
    max_input_pixels: int | None = None
    source: str = ""
    as_of: date | None = None

    @property
    def takes_prompt(self) -> bool:
        """Whether what the producer wrote reaches the model."""
        return any(value in _PROMPTS for value in self.inputs.values())

    def body(self, request: ImageRequest) -> dict[str, Any]:
        """Return the inputs for `request`."""
        pictures = [f"data:image/jpeg;base64,{base64.b64encode(data).decode()}" for data in request.inputs]
        known: dict[str, Any] = {
            "$prompt": request.prompt,
            "$try_on": f"{TRY_ON} {request.producer_prompt}".strip(),
            "$images": pictures or None,
        }
        known |= {f"$image{number}": picture for number, picture in enumerate(pictures, start=1)}
        filled = {name: known.get(value) if _is_placeholder(value) else value for name, value in self.inputs.items()}
        return {name: value for name, value in filled.items() if value is not None}


def _is_placeholder(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\$(prompt|try_on|images|image[0-9]+)", value) is not None


_APPS = TypeAdapter(dict[str, FalApp])
_INPUTS = TypeAdapter(dict[str, Any])


def app_named(name: str, inputs: str | None, max_inputs: int) -> FalApp:
    """Return the app, with the JSON object `inputs` added to its own; `max_inputs` is for one that is not known.

    Raises:
        Invalid: `inputs` is not a JSON object.
    """
    try:
        more = _INPUTS.validate_json(inputs or "{}")
    except ValidationError:
        raise Invalid("FAL_INPUTS is not a JSON object", code="provider_options") from None
    known = _APPS.validate_json(Path(__file__).with_suffix(".json").read_bytes())
    app = known.get(name) or FalApp(
        inputs={"prompt": "$prompt", "image_urls": "$images"}, min_inputs=min(1, max_inputs), max_inputs=max_inputs
    )
    return app.model_copy(update={"inputs": app.inputs | more})
