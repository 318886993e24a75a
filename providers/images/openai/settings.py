"""OpenAI's settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from providers.images.config import ProviderSettings


class OpenAISettings(ProviderSettings, env_prefix="OPENAI_"):
    """Key, address, model and options of OpenAI's image API."""

    api_key: SecretStr | None = Field(None, description="OpenAI key")
    base_url: str | None = Field(None, description="OpenAI address, for a proxy")
    model: str = Field("gpt-image-2.6-flare", description="OpenAI image model")
    quality: str = Field(
        "medium", description="OpenAI image quality: low, medium, high, auto; from gpt-image-2.5 on xhigh and max"
    )
    complexity: Literal["low", "medium", "high"] | None = Field(
        None, description="how much a gpt-image-2.6 model plans, its own choice if unset"
    )
    size: str | None = Field(None, description="size of OpenAI's pictures, `WxH`, instead of 1024x1536")
    input_fidelity: Literal["low", "high"] | None = Field(
        None, description="how closely gpt-image-1 and 1.5 keep to the inputs; later models always do"
    )
    moderation: Literal["auto", "low"] | None = Field(
        None, description="strictness of OpenAI's filter for generations without inputs"
    )
