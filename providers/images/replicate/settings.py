"""Replicate's settings."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from providers.images.config import ProviderSettings

WEBHOOK_PATH = "/webhooks/replicate"


class ReplicateSettings(ProviderSettings, env_prefix="REPLICATE_", populate_by_name=True):
    """Token, address, model and webhooks of Replicate's API."""

    api_token: SecretStr | None = Field(None, description="Replicate token")
    base_url: str | None = Field(None, description="Replicate address, for a proxy")
    model: str = Field("black-forest-labs/flux-1.1-pro", description="Replicate image model")
    webhook_secret: SecretStr | None = Field(
        None, description="Replicate's secret for signing webhooks, `whsec_…`; needs an https PUBLIC_URL; off if unset"
    )
    public_url: str | None = Field(
        None,
        validation_alias="PUBLIC_URL",
        description="address that links start with; that of HOST and PORT if unset",
    )

    @property
    def webhook_url(self) -> str | None:
        """The address that Replicate sends webhooks to; None if webhooks are off."""
        if not self.public_url or not self.webhook_secret:
            return None
        return f"{self.public_url.rstrip('/')}{WEBHOOK_PATH}"

    @field_validator("webhook_secret")
    @classmethod
    def _check_webhook_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"whsec_[A-Za-z0-9+/]{16,}={0,2}", value.get_secret_value()):
            raise ValueError("must be whsec_ and base64, as GET /v1/webhooks/default/secret of Replicate gives it")
        return value

    @model_validator(mode="after")
    def _require_https_for_webhooks(self) -> Self:
        if self.webhook_secret and self.public_url and not self.public_url.startswith("https://"):
            raise ValueError("REPLICATE_WEBHOOK_SECRET needs a PUBLIC_URL that starts with https://")
        return self
