"""Settings of a server that speaks OpenAI's images API."""

from __future__ import annotations

from pydantic import Field, SecretStr

from providers.images.config import ProviderSettings


class OpenAICompatibleSettings(ProviderSettings, env_prefix="OPENAI_COMPATIBLE_"):
    """Address, key, model and abilities of the server, such as vLLM-Omni, SGLang, LocalAI or a LiteLLM proxy."""

    base_url: str | None = Field(
        None, description="address of a server with OpenAI's images API, up to `/v1`, such as http://gpu:8000/v1"
    )
    api_key: SecretStr | None = Field(None, description="key of that server, if it wants one")
    model: str = Field("default", description="model of that server")
    paid: bool = Field(
        default=False, description="whether a call to that server costs money; its price goes into PROVIDER_PRICES"
    )
    max_inputs: int = Field(4, ge=0, description="input pictures of one edit; 0: the server makes no edits")
    extra: str | None = Field(
        None, description="JSON object added to the body of each call to that server; null removes a field"
    )
