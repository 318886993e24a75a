"""The image router of each product, as set."""

from __future__ import annotations

import redis.asyncio

from providers.images.base import ImageProvider
from providers.images.gate import Gate
from providers.images.limits import parsed_limits
from providers.images.prices import price_table
from providers.images.registry import MOCK, ProviderConfig, create, in_mock_mode
from providers.images.router import Router
from schemas.common import Product
from settings import Settings


class Generators:
    """One router a product; products that name the same provider share it."""

    def __init__(self, settings: Settings, client: redis.asyncio.Redis) -> None:
        """Make the providers that the settings name.

        Raises:
            Invalid: One of them is unknown or not set up; the message says which.
        """
        self._settings = settings
        listed = {
            Product.TRYON: settings.tryon_providers,
            Product.AVATAR: settings.avatar_providers,
            Product.IMAGES: settings.images_providers,
        }
        if settings.ai_mock_mode:
            listed = {product: in_mock_mode(names) for product, names in listed.items()}
        self._providers = {name: self._create(name) for name in {name for names in listed.values() for name in names}}
        limits = parsed_limits(
            rpm=settings.provider_rpm,
            concurrency=settings.provider_concurrency,
            daily_usd=settings.provider_daily_usd,
        )
        self._gate = Gate(client)
        self.routers = {
            product: Router(
                [self._providers[name] for name in names],
                self._gate,
                limits=limits,
                owner_daily_usd=settings.owner_daily_usd,
                over_budget=settings.budget_policy,
            )
            for product, names in listed.items()
        }

    def in_flight(self) -> dict[str, int]:
        """This process's calls in flight, by provider."""
        return dict.fromkeys(self._providers, 0) | self._gate.in_flight()

    async def aclose(self) -> None:
        """Give back the providers' connections."""
        for provider in self._providers.values():
            await provider.aclose()
        await self._gate.aclose()

    def _create(self, name: str) -> ImageProvider:
        settings = self._settings
        known = {
            "openai": (settings.openai_api_key, settings.openai_base_url, settings.openai_model),
            "replicate": (settings.replicate_api_token, settings.replicate_base_url, settings.replicate_model),
        }
        key, base_url, model = known.get(name, (None, None, None))
        options = {"quality": settings.openai_quality}
        if name == MOCK:
            options = {
                "latency_s": str(settings.mock_latency_s),
                "failures": ",".join(settings.mock_failures),
                "seed": str(settings.mock_seed),
            }
        return create(
            name,
            ProviderConfig(
                mock_mode=settings.ai_mock_mode,
                api_key=key,
                base_url=base_url,
                model=model,
                prices=price_table(settings.provider_prices),
                options=options,
            ),
        )
