"""Finds image providers by name: ours, and those that installed packages offer.

A package joins through the entry-point group `darkroom.image_providers`; what it names there is called with a
`ProviderConfig` and returns an `ImageProvider`, so usually it is the provider's class (docs/image-providers.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points

from pydantic import Field, SecretStr

from providers.images.base import ImageProvider
from providers.images.prices import Price
from schemas.common import Frozen
from schemas.errors import DarkroomError, Invalid

GROUP = "darkroom.image_providers"
MOCK = "mock"

#: Loaded when asked for: a process that needs one provider does not import the other's SDK.
_BUILT_IN = {
    MOCK: "providers.images.mock.provider:from_config",
    "openai": "providers.images.openai.provider:OpenAIProvider",
    "replicate": "providers.images.replicate.provider:ReplicateProvider",
}


class ProviderConfig(Frozen):
    """What a provider is made from.

    Attributes:
        mock_mode: No money may be spent: a provider that would is not made.
        api_key: The key or token.
        base_url: The provider's address, where it is not its usual one.
        model: The model, where it is not the provider's default.
        prices: US dollars by model.
        options: Whatever else this provider understands, by name.
    """

    mock_mode: bool
    api_key: SecretStr | None = None
    base_url: str | None = Field(default=None, repr=False)
    model: str | None = None
    prices: Mapping[str, Price] = Field(default={}, repr=False)
    options: Mapping[str, str] = {}


ProviderFactory = Callable[[ProviderConfig], ImageProvider]


def load(name: str) -> ProviderFactory:
    """What makes the provider of that name.

    Raises:
        Invalid: There is none, two packages offer one, or its package can't be imported.
    """
    if name in _BUILT_IN:
        found = [EntryPoint(name, _BUILT_IN[name], GROUP)]
    else:
        found = list(entry_points(group=GROUP, name=name))
    if len(found) != 1:
        fault = "is offered by several packages" if found else f"is unknown; there are {', '.join(names())}"
        raise Invalid(f"the image provider {name!r} {fault}", code="provider_unknown")
    try:
        factory: ProviderFactory = found[0].load()
    except Exception as error:  # a package of others may raise anything
        said = f"the image provider {name!r} can't be imported: {_in_one_line(error)}"
        raise Invalid(said, code="provider_unknown") from error
    return factory


def names() -> list[str]:
    """All providers there are, sorted."""
    return sorted({*_BUILT_IN, *(entry.name for entry in entry_points(group=GROUP))})


def create(name: str, config: ProviderConfig) -> ImageProvider:
    """Make the provider of that name.

    Raises:
        Invalid: There is none of that name, it can't be made from the configuration, or it spends money in mock mode.
    """
    if config.mock_mode and not _is_free(name):
        raise Invalid(f"the image provider {name!r} spends money: not in mock mode", code="mock_mode")
    provider = _made(name, load(name), config)
    if not isinstance(provider, ImageProvider) or provider.name != name:
        raise Invalid(f"what is registered as {name!r} is not that image provider", code="provider_unknown")
    if config.mock_mode and provider.capabilities.paid:
        raise Invalid(f"the image provider {name!r} spends money after all: not in mock mode", code="mock_mode")
    return provider


def in_mock_mode(listed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the list with the mock, once, in place of what spends money; a name without a provider stays."""
    return tuple(dict.fromkeys(name if not _is_known(name) or _is_free(name) else MOCK for name in listed))


def _made(name: str, factory: ProviderFactory, config: ProviderConfig) -> ImageProvider:
    try:
        return factory(config)
    except DarkroomError:
        raise
    except Exception as error:  # a package of others may raise anything
        said = f"the image provider {name!r} can't be made: {_in_one_line(error)}"
        raise Invalid(said, code="provider_unusable") from error


def _is_known(name: str) -> bool:
    try:
        load(name)
    except Invalid:
        return False
    return True


def _in_one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _is_free(name: str) -> bool:
    """Whether it is known before it is made that it spends nothing: the class says so in its capabilities."""
    if name in _BUILT_IN:
        return name == MOCK
    return getattr(getattr(load(name), "capabilities", None), "paid", True) is False
