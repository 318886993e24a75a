"""The image router of each product, made of the settings."""

from __future__ import annotations

import redis.asyncio
import structlog

from providers.images.model_watch import ModelWatch
from providers.images.provider_set import make_providers
from providers.images.routing.admission import AdmissionControl
from providers.images.routing.limits import parse_limits
from providers.images.routing.router import Router
from providers.images.webhook_listener import TakesWebhooks, WebhookListener
from schemas.common import Product
from settings import Settings

log = structlog.get_logger(__name__)


class Generators:
    """One router per product. Products that use the same provider share it."""

    def __init__(self, settings: Settings, client: redis.asyncio.Redis) -> None:
        """Make the providers that the settings name; a provider that can't be made is only logged.

        Raises:
            Invalid: A limit or budget is malformed.
        """
        self._set = make_providers(settings)
        self._model_watch = ModelWatch(self._set.providers.values(), client)
        self._listeners = [
            WebhookListener(provider, client)
            for provider in self._set.providers.values()
            if isinstance(provider, TakesWebhooks) and provider.expects_webhooks
        ]
        limits = parse_limits(
            rpm=settings.provider_rpm,
            concurrency=settings.provider_concurrency,
            daily_usd=settings.provider_daily_usd,
        )
        self._admission = AdmissionControl(client)
        self.routers = {
            product: Router(
                self._set.of(product),
                self._admission,
                limits=limits,
                owner_daily_usd=settings.owner_daily_usd,
                over_budget=settings.budget_policy,
                moderation_fallback=settings.moderation_fallback,
            )
            for product in self._set.listed
        }

    @property
    def served(self) -> frozenset[Product]:
        """Products that this process can make."""
        return self._set.served

    def log_faults(self) -> None:
        """Log why products are off and why providers are not used."""
        for product in self._set.listed:
            if reason := self._set.reason_off(product):
                log.warning("product_off", product=product.value, reason=reason)
                continue
            for name, why in self._set.passed_over(product).items():
                log.warning("provider_passed_over", product=product.value, provider=name, reason=why)

    def in_flight(self) -> dict[str, int]:
        """Return the number of this process's calls in flight by provider."""
        return dict.fromkeys(self._set.providers, 0) | self._admission.in_flight()

    def start(self) -> None:
        """Start to check daily that the models in use are offered, and to listen for the providers' webhooks."""
        self._model_watch.start()
        for listener in self._listeners:
            listener.start()

    async def aclose(self) -> None:
        """Close the providers' connections."""
        await self._model_watch.aclose()
        for listener in self._listeners:
            await listener.aclose()
        await self._set.aclose()
        await self._admission.aclose()
