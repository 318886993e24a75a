"""Finds image providers by name: the packages in this folder, and installed packages.

A package in this folder is a provider if it has a `ProviderEntry` named `PROVIDER`; its folder's name is the provider's
name. An installed package joins through the entry-point group `darkroom.image_providers`, which names a `ProviderEntry`
or the provider's class (docs/image-providers.md). A class may have the attribute `settings_model`.
"""

from __future__ import annotations

import functools
import pkgutil
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from pydantic import ValidationError

import providers.images
from providers.images.base import ImageProvider
from providers.images.config import ProviderConfig, ProviderEntry, ProviderFactory, ProviderSettings
from schemas.errors import DarkroomError, Invalid

GROUP = "darkroom.image_providers"
MOCK = "mock"
_MAX_ERROR_CHARS = 200


def find(name: str) -> ProviderEntry:
    """Return the provider registered as `name`.

    Raises:
        Invalid: No package or more than one offers it, or its package can't be imported.
    """
    if entry := _built_in().get(name):
        return entry
    found = list(entry_points(group=GROUP, name=name))
    if len(found) != 1:
        fault = "is offered by several packages" if found else f"is unknown; there are {', '.join(names())}"
        raise Invalid(f"the image provider {name!r} {fault}", code="provider_unknown")
    registered = _import(name, found[0])
    if isinstance(registered, ProviderEntry):
        return registered
    return ProviderEntry(
        cast("ProviderFactory", registered),
        settings_model=getattr(registered, "settings_model", ProviderSettings),
        paid=getattr(getattr(registered, "capabilities", None), "paid", True) is not False,
    )


def names() -> list[str]:
    """Return the names of all providers, sorted."""
    return sorted({*_built_in(), *(entry.name for entry in entry_points(group=GROUP))})


def settings_models() -> dict[str, type[ProviderSettings]]:
    """Return the settings model of each provider, by name; a provider that can't be imported is left out."""
    return {name: find(name).settings_model for name in names() if _is_known(name)}


def read_settings(name: str) -> ProviderSettings:
    """Return the provider's own settings, read from the environment.

    Raises:
        Invalid: The provider is unknown, or a setting is missing or malformed.
    """
    model = find(name).settings_model
    try:
        return model()
    except ValidationError as error:
        raise Invalid("; ".join(model.describe_faults(error)), code="provider_options") from None


def create(name: str, config: ProviderConfig) -> ImageProvider:
    """Make the provider called `name` from `config`.

    Raises:
        Invalid: The provider is unknown, can't be made from its settings, or spends money in mock mode.
    """
    entry = find(name)
    if config.mock_mode and entry.paid:
        raise Invalid(f"the image provider {name!r} spends money: not in mock mode", code="mock_mode")
    provider = _make(name, entry.factory, config)
    if not isinstance(provider, ImageProvider) or provider.name != name:
        raise Invalid(f"the object registered as {name!r} is not that image provider", code="provider_unknown")
    if config.mock_mode and provider.capabilities.paid:
        raise Invalid(
            f"the image provider {name!r} spends money although it is registered as free: not in mock mode",
            code="mock_mode",
        )
    return provider


def in_mock_mode(listed: tuple[str, ...]) -> tuple[str, ...]:
    """Return `listed` with the mock, once, in place of providers that spend money; unknown names stay."""
    return tuple(dict.fromkeys(MOCK if _is_known(name) and find(name).paid else name for name in listed))


@functools.cache
def _built_in() -> dict[str, ProviderEntry]:
    found = {}
    for module in pkgutil.iter_modules(providers.images.__path__):
        if module.ispkg:
            entry = getattr(import_module(f"{providers.images.__name__}.{module.name}"), "PROVIDER", None)
            if isinstance(entry, ProviderEntry):
                found[module.name] = entry
    return found


def _import(name: str, entry_point: EntryPoint) -> object:
    try:
        return cast("object", entry_point.load())
    except Exception as error:  # another package may raise anything
        message = f"the image provider {name!r} can't be imported: {_in_one_line(error)}"
        raise Invalid(message, code="provider_unknown") from error


def _make(name: str, factory: ProviderFactory | str, config: ProviderConfig) -> ImageProvider:
    if isinstance(factory, str):
        factory = cast("ProviderFactory", _import(name, EntryPoint(name, factory, GROUP)))
    try:
        return factory(config)
    except DarkroomError:
        raise
    except Exception as error:  # another package may raise anything
        message = f"the image provider {name!r} can't be made: {_in_one_line(error)}"
        raise Invalid(message, code="provider_unusable") from error


def _is_known(name: str) -> bool:
    try:
        find(name)
    except Invalid:
        return False
    return True


def _in_one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:_MAX_ERROR_CHARS]
