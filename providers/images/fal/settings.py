"""fal's settings."""

from __future__ import annotations

import re

from pydantic import Field, SecretStr, field_validator

from providers.images.config import ProviderSettings


class FalSettings(ProviderSettings, env_prefix="FAL_"):
    """Key, address and app of fal's queue."""

    key: SecretStr | None = Field(None, description="fal key")
    base_url: str | None = Field(None, description="address of fal's queue, for a proxy")
    app: str = Field("fal-ai/flux-pro/v1/vto", description="fal app: FLUX VTO, fal-ai/fashn/tryon/v1.6, or any other")
    inputs: str | None = Field(
        None,
        description="JSON object of further inputs of the fal app; `$prompt`, `$image1` and `$images` are filled in",
    )
    max_inputs: int = Field(4, ge=0, description="input pictures of a fal app other than the two; 0: it takes none")

    @field_validator("app")
    @classmethod
    def _check_app(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+", value) or ".." in value:
            raise ValueError("must be owner/app or owner/app/path, such as fal-ai/flux-pro/v1/vto")
        return value
