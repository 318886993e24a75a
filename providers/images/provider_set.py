"""The image providers that the settings name, and which products they can make.

A provider that can't be made is left out; a product without a provider is off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from providers.images.base import ImageProvider
from providers.images.config import ProviderConfig
from providers.images.prices import price_table
from providers.images.privacy import PrivacyClass
from providers.images.registry import create, in_mock_mode, read_settings
from schemas.common import Product
from schemas.errors import Invalid

#: Input pictures of the usual task of a product, which its providers must take; none where not listed.
MIN_INPUTS = {Product.TRYON: 2}


class RoutingSettings(Protocol):
    """The settings that choose image providers, as `settings.Settings` has them."""

    @property
    def ai_mock_mode(self) -> bool:
        """Whether spending money is forbidden."""

    @property
    def provider_prices(self) -> str | None:
        """JSON object that replaces entries of the price table."""

    @property
    def provider_privacy(self) -> tuple[str, ...]:
        """Privacy classes granted by contract, `provider=class`."""

    @property
    def provider_min_privacy(self) -> PrivacyClass:
        """The privacy class that every provider must have at least."""

    @property
    def products(self) -> tuple[Product, ...] | None:
        """The products that are enabled; None for all."""

    @property
    def tryon_providers(self) -> tuple[str, ...]:
        """Image providers for try-on, in order."""

    @property
    def avatar_providers(self) -> tuple[str, ...]:
        """Image providers for avatars, in order."""

    @property
    def images_providers(self) -> tuple[str, ...]:
        """Image providers for product pictures, in order."""


@dataclass(frozen=True, slots=True)
class ProviderSet:
    """The providers in use.

    Attributes:
        listed: Names of each product's providers, in order; in mock mode with the mock in place of paid ones.
        providers: Providers by name.
        refused: Why other listed providers could not be made, by name: a sentence that names the setting.
        enabled: The products that PRODUCTS names, all if it is unset; the others have no providers listed.
    """

    listed: Mapping[Product, tuple[str, ...]]
    providers: Mapping[str, ImageProvider]
    refused: Mapping[str, str]
    enabled: frozenset[Product]

    def of(self, product: Product) -> list[ImageProvider]:
        """Return the providers of `product`, in order."""
        return [self.providers[name] for name in self.listed[product] if name in self.providers]

    @property
    def served(self) -> frozenset[Product]:
        """The products that are on."""
        return frozenset(product for product in self.listed if self.of(product))

    def reason_off(self, product: Product) -> str | None:
        """Return why `product` is off; None if it is on."""
        if self.of(product):
            return None
        if product not in self.enabled:
            return f"PRODUCTS does not name it: {product} is switched off"
        if not self.listed[product]:
            return f"{setting_of(product)} is empty: {product} is switched off"
        faults = "; ".join(self.refused[name] for name in self.listed[product])
        return f"{product} is off, since no provider in {setting_of(product)} can be used: {faults}"

    def passed_over(self, product: Product) -> dict[str, str]:
        """Return why listed providers of `product` don't get its usual tasks, by name."""
        refused = {name: self.refused[name] for name in self.listed[product] if name in self.refused}
        made = {provider.name: _shortfall(provider, product) for provider in self.of(product)}
        return refused | {name: fault for name, fault in made.items() if fault}

    async def aclose(self) -> None:
        """Close the providers' connections."""
        for provider in self.providers.values():
            await provider.aclose()


def make_providers(settings: RoutingSettings) -> ProviderSet:
    """Make every provider listed in the settings."""
    listed = {
        Product.TRYON: settings.tryon_providers,
        Product.AVATAR: settings.avatar_providers,
        Product.IMAGES: settings.images_providers,
    }
    enabled = frozenset(Product if settings.products is None else settings.products)
    listed = {product: names if product in enabled else () for product, names in listed.items()}
    providers: dict[str, ImageProvider] = {}
    refused: dict[str, str] = {}
    if settings.ai_mock_mode:
        listed = {product: in_mock_mode(names) for product, names in listed.items()}
    for name in dict.fromkeys(name for names in listed.values() for name in names):
        try:
            providers[name] = make_provider(name, settings)
        except Invalid as error:
            refused[name] = str(error)
    return ProviderSet(listed, providers, refused, enabled)


def make_provider(name: str, settings: RoutingSettings) -> ImageProvider:
    """Make the provider called `name` from its own settings in the environment.

    Raises:
        Invalid: It is unknown, not set up, or below PROVIDER_MIN_PRIVACY; the message says why.
    """
    prices = price_table(settings.provider_prices)
    config = ProviderConfig(mock_mode=settings.ai_mock_mode, settings=read_settings(name), prices=prices)
    provider = create(name, config)
    offered = _granted(settings.provider_privacy).get(name) or provider.capabilities.privacy.privacy_class
    if not offered.satisfies(settings.provider_min_privacy):
        raise Invalid(
            f"the privacy class of {name} is {offered}, PROVIDER_MIN_PRIVACY is {settings.provider_min_privacy}",
            code="provider_privacy",
        )
    return provider


def _granted(words: tuple[str, ...]) -> dict[str, PrivacyClass]:
    """Return the privacy classes that PROVIDER_PRIVACY grants, by provider.

    Raises:
        Invalid: A word has another form.
    """
    try:
        pairs = [word.split("=", 1) for word in words]
        return {name.strip(): PrivacyClass(granted.strip()) for name, granted in pairs}
    except ValueError:
        message = f"PROVIDER_PRIVACY is {','.join(words)!r}; write provider=class, such as fal=deleted_within_a_day"
        raise Invalid(message, code="provider_privacy") from None


def setting_of(product: Product) -> str:
    """Return the setting that lists the providers of `product`."""
    return f"{product.upper()}_PROVIDERS"


def _shortfall(provider: ImageProvider, product: Product) -> str | None:
    can, least = provider.capabilities, MIN_INPUTS.get(product, 0)
    if not least:
        return None if can.generate else f"{provider.name} makes no picture from a prompt alone"
    if can.edit and can.max_inputs >= least:
        return None
    takes = can.max_inputs if can.edit else 0
    return f"{provider.name} takes at most {takes} input pictures, a {product} has {least} or more"
