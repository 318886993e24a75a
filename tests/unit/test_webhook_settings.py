from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from providers.images.replicate.settings import ReplicateSettings

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def replicate_settings(**values: Any) -> ReplicateSettings:
    return ReplicateSettings(_env_file=None, **values)


def test_webhooks_go_to_the_public_address() -> None:
    settings = replicate_settings(webhook_secret=SECRET, public_url="https://darkroom.example/")
    assert settings.webhook_url == "https://darkroom.example/webhooks/replicate"


@pytest.mark.parametrize("values", [{}, {"webhook_secret": SECRET}, {"public_url": "https://x.example"}])
def test_webhooks_are_off_unless_address_and_secret_are_set(values: dict[str, str]) -> None:
    assert replicate_settings(**values).webhook_url is None


def test_a_url_that_replicate_can_not_call_is_refused() -> None:
    with pytest.raises(ValidationError, match="https://"):
        replicate_settings(webhook_secret=SECRET, public_url="http://127.0.0.1:8000")


@pytest.mark.parametrize("secret", ["secret", "whsec_", "whsec_short", "whsec_no base64 at all!!!!", SECRET + "_x"])
def test_a_secret_in_another_format_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError, match="whsec_ and base64"):
        replicate_settings(webhook_secret=secret)
