"""Makes the image providers that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from providers.images.prices import price_table
from providers.images.registry import MOCK, ProviderConfig, create

if TYPE_CHECKING:
    from pydantic import SecretStr

    from providers.images.base import ImageProvider


REPLICATE_WEBHOOK_PATH = "/webhooks/replicate"


class ImageSettings(Protocol):
    """The settings of image providers, as `settings.Settings` has them."""

    @property
    def ai_mock_mode(self) -> bool:
        """Whether providers that spend money are out of reach."""

    @property
    def openai_api_key(self) -> SecretStr | None:
        """OpenAI key."""

    @property
    def openai_base_url(self) -> str | None:
        """OpenAI address."""

    @property
    def openai_model(self) -> str:
        """OpenAI image model."""

    @property
    def openai_quality(self) -> str:
        """OpenAI image quality."""

    @property
    def openai_complexity(self) -> str | None:
        """How much the model plans."""

    @property
    def openai_size(self) -> str | None:
        """Size of OpenAI's pictures, `WxH`."""

    @property
    def replicate_api_token(self) -> SecretStr | None:
        """Replicate token."""

    @property
    def replicate_base_url(self) -> str | None:
        """Replicate address."""

    @property
    def replicate_model(self) -> str:
        """Replicate image model."""

    @property
    def replicate_webhook_secret(self) -> SecretStr | None:
        """What Replicate signs its webhooks with."""

    @property
    def public_url(self) -> str | None:
        """Address at which the HTTP service is reached from outside."""

    @property
    def mock_latency_s(self) -> float:
        """Seconds that the mock takes."""

    @property
    def mock_failures(self) -> tuple[str, ...]:
        """Failures of the mock, `kind=share`."""

    @property
    def mock_seed(self) -> int:
        """What the mock's failures are drawn with."""

    @property
    def provider_prices(self) -> str | None:
        """JSON over the price table."""


def replicate_webhook_url(settings: ImageSettings) -> str | None:
    """The address that Replicate's webhooks go to; None if they are off."""
    if not settings.public_url or not settings.replicate_webhook_secret:
        return None
    return f"{settings.public_url.rstrip('/')}{REPLICATE_WEBHOOK_PATH}"


def make_provider(name: str, settings: ImageSettings) -> ImageProvider:
    """Make the provider of that name as the settings say.

    Raises:
        Invalid: It is unknown or not set up; the message says why.
    """
    known = {
        "openai": (settings.openai_api_key, settings.openai_base_url, settings.openai_model),
        "replicate": (settings.replicate_api_token, settings.replicate_base_url, settings.replicate_model),
    }
    key, base_url, model = known.get(name, (None, None, None))
    return create(
        name,
        ProviderConfig(
            mock_mode=settings.ai_mock_mode,
            api_key=key,
            base_url=base_url,
            model=model,
            prices=price_table(settings.provider_prices),
            options=_options(name, settings),
        ),
    )


def _options(name: str, settings: ImageSettings) -> dict[str, str]:
    if name == MOCK:
        return {
            "latency_s": str(settings.mock_latency_s),
            "failures": ",".join(settings.mock_failures),
            "seed": str(settings.mock_seed),
        }
    options = {
        "quality": settings.openai_quality,
        "complexity": settings.openai_complexity,
        "size": settings.openai_size,
        "webhook_url": replicate_webhook_url(settings),
    }
    return {key: value for key, value in options.items() if value is not None}
