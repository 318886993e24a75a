"""Gemini's settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from providers.images.config import ProviderSettings


class GeminiSettings(ProviderSettings, env_prefix="GEMINI_"):
    """Key, address, model and options of the Gemini API."""

    api_key: SecretStr | None = Field(None, description="Gemini key")
    base_url: str | None = Field(None, description="Gemini address, for a proxy")
    model: str = Field(
        "gemini-nano-banana-2.1", pattern=r"^[A-Za-z0-9._-]+$", description="Gemini image model; ids live for months"
    )
    image_size: Literal["1K", "2K", "4K"] = Field(
        "1K", description="size of Gemini's pictures; another than 1K needs its price, as `model@2K`"
    )
