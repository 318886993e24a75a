"""The mock's settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from providers.environment import Words
from providers.images.config import ProviderSettings


class MockSettings(ProviderSettings, env_prefix="MOCK_"):
    """Latency and failures of the mock provider."""

    latency_s: Annotated[float, Field(ge=0)] = Field(0.2, description="how long the mock provider takes")
    failures: Words = Field(
        (), description="mock failures `kind=share`: rate_limit, server_error, moderation, hang, empty"
    )
    seed: int = Field(0, description="makes the mock's failures repeatable")
