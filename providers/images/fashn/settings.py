"""FASHN's settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from providers.images.config import ProviderSettings


class FashnSettings(ProviderSettings, env_prefix="FASHN_"):
    """Key, address, model and options of FASHN's API."""

    api_key: SecretStr | None = Field(None, description="FASHN key")
    base_url: str | None = Field(None, description="FASHN address, for a proxy")
    model: str = Field("tryon-v1.6", description="FASHN model: tryon-v1.6 or tryon-max")
    mode: str = Field("balanced", description="FASHN speed and quality: performance (tryon-v1.6), balanced or quality")
    category: Literal["auto", "tops", "bottoms", "one-pieces"] = Field(
        "auto", description="kind of garment, for tryon-v1.6"
    )
    moderation_level: Literal["conservative", "permissive", "none"] | None = Field(
        None, description="strictness of FASHN's filter for garments, for tryon-v1.6; FASHN's own if unset"
    )
    resolution: Literal["1k", "2k", "4k"] | None = Field(
        None, description="resolution of FASHN's pictures, for tryon-max; FASHN's own if unset"
    )
