"""ComfyUI's settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from providers.images.config import ProviderSettings


class ComfyUISettings(ProviderSettings, env_prefix="COMFYUI_"):
    """Address and workflow of a ComfyUI."""

    base_url: str | None = Field(None, description="address of a ComfyUI, such as http://gpu:8188")
    workflow: Path | None = Field(
        None, description="file with a ComfyUI workflow in API format; `$prompt`, `$image1`, `$seed` … are replaced"
    )
