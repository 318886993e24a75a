"""A workflow in ComfyUI's API format, with placeholders as inputs of its nodes.

| input of a node | is replaced by |
|---|---|
| `$prompt` | the full prompt |
| `$image1`, `$image2`, … | the name of that input picture, as uploaded |
| `$width`, `$height` | the size, pixels |
| `$seed` | a number that is the same for the same picture of a task |
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from pydantic import Field, TypeAdapter, ValidationError

from schemas.common import Payload
from schemas.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from providers.images.base import ImageRequest

_IMAGE = re.compile(r"\$image([1-9][0-9]?)")


class _Node(Payload, extra="allow"):
    class_type: str
    inputs: dict[str, Any] = Field(default_factory=dict)


_NODES = TypeAdapter(dict[str, _Node])


class Workflow:
    """The nodes of a workflow, and the number of pictures that it takes."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            Invalid: It can't be read, has another form, or its pictures are not numbered from 1.
        """
        try:
            self._nodes = _NODES.validate_json(path.read_bytes())
        except OSError as error:
            raise _refused(f"can't be read: {error.strerror}") from None
        except ValidationError:
            raise _refused("is not a workflow in API format: export it with 'Export (API)'") from None
        values = [value for node in self._nodes.values() for value in node.inputs.values() if isinstance(value, str)]
        numbers = {int(found[1]) for value in values if (found := _IMAGE.fullmatch(value))}
        self.pictures = len(numbers)
        if numbers != set(range(1, self.pictures + 1)):
            raise _refused("has gaps in $image1, $image2, …")

    def filled(self, request: ImageRequest, names: Sequence[str]) -> dict[str, Any]:
        """Return the nodes for `request`, whose inputs were uploaded under `names`."""
        seed = hashlib.sha256(f"{request.task_id}:{request.index}:{request.attempt}".encode()).digest()
        known: dict[str, Any] = {
            "$prompt": request.prompt,
            "$width": request.width,
            "$height": request.height,
            "$seed": int.from_bytes(seed[:6]),
        }
        known |= {f"$image{number}": name for number, name in enumerate(names, start=1)}
        filled = {}
        for key, node in self._nodes.items():
            inputs = {
                name: known.get(value, value) if isinstance(value, str) else value
                for name, value in node.inputs.items()
            }
            filled[key] = node.model_dump() | {"inputs": inputs}
        return filled


def _refused(why: str) -> Invalid:
    return Invalid(f"the file COMFYUI_WORKFLOW {why}", code="provider_options")
