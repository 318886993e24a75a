"""The image router of each product, as set."""

from __future__ import annotations

import redis.asyncio

from providers.images.configured import make_provider
from providers.images.gate import Gate
from providers.images.limits import parsed_limits
from providers.images.model_watch import ModelWatch
from providers.images.registry import in_mock_mode
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
        listed = {
            Product.TRYON: settings.tryon_providers,
            Product.AVATAR: settings.avatar_providers,
            Product.IMAGES: settings.images_providers,
        }
        if settings.ai_mock_mode:
            listed = {product: in_mock_mode(names) for product, names in listed.items()}
        named = {name for names in listed.values() for name in names}
        self._providers = {name: make_provider(name, settings) for name in named}
        self._model_watch = ModelWatch(self._providers.values(), client)
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

    def watch_models(self) -> None:
        """Begin to ask the providers once a day how long they offer the models in use."""
        self._model_watch.start()

    async def aclose(self) -> None:
        """Give back the providers' connections."""
        await self._model_watch.aclose()
        for provider in self._providers.values():
            await provider.aclose()
        await self._gate.aclose()
