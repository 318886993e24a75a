"""Our Replicate provider, declared to accept input pictures so that the router uses it for try-on.

It is registered by an entry point, like a third-party package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.images.replicate.provider import ReplicateProvider
from providers.images.replicate.settings import ReplicateSettings

if TYPE_CHECKING:
    from pathlib import Path

    from providers.images.config import ProviderConfig

NAME = "resumable"
MAX_INPUTS = 16
PACKAGE = "darkroom_chaos-1.dist-info"
METADATA = "Metadata-Version: 2.1\nName: darkroom-chaos\nVersion: 1\n"
ENTRY_POINTS = f"[darkroom.image_providers]\n{NAME} = {__name__}:ResumableProvider\n"


class ResumableProvider(ReplicateProvider):
    """Replicate provider for products with input pictures."""

    name = NAME

    #: Same URL and token as `replicate`.
    settings_model = ReplicateSettings

    def __init__(self, config: ProviderConfig) -> None:
        """Create the client."""
        super().__init__(config)
        self.capabilities = self.capabilities.model_copy(update={"edit": True, "max_inputs": MAX_INPUTS})


def install(folder: Path) -> Path:
    """Write the metadata of an installed package into `folder`, which must be on PYTHONPATH."""
    package = folder / PACKAGE
    package.mkdir(parents=True, exist_ok=True)
    (package / "METADATA").write_text(METADATA)
    (package / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder
