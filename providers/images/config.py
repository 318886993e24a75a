"""Registration and configuration of image providers.

A provider is a class (or another callable) that takes a `ProviderConfig`, and a settings model that says which
environment variables it reads. `ProviderEntry` names both without importing the provider's SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import Field

from providers.environment import EnvironmentSettings
from providers.images.base import ImageProvider
from providers.images.prices import Price
from schemas.common import Frozen


class ProviderSettings(EnvironmentSettings):
    """Base class of a provider's own settings; its environment variables start with the subclass's `env_prefix`.

    Give every field a description: it is shown when the value is invalid. Leave a key optional and refuse in the
    provider's constructor instead, so that a missing key takes out that provider only; a required field that is missing
    stops every process that has the provider in a product's list.
    """


AnyProviderSettings = TypeVar("AnyProviderSettings", bound=ProviderSettings)


class ProviderConfig(Frozen):
    """The argument that every provider is made with.

    Attributes:
        mock_mode: Whether spending money is forbidden; a provider that spends money must refuse to be made then.
        settings: The provider's own settings, an instance of its settings model.
        prices: Price by model.
    """

    mock_mode: bool
    settings: ProviderSettings = Field(default_factory=ProviderSettings, repr=False)
    prices: Mapping[str, Price] = Field(default={}, repr=False)

    def settings_as(self, model: type[AnyProviderSettings]) -> AnyProviderSettings:
        """Return the settings as an instance of `model`.

        Raises:
            TypeError: They are of another model, so the provider was registered with the wrong one.
        """
        if not isinstance(self.settings, model):
            raise TypeError(f"settings are {type(self.settings).__name__}, not {model.__name__}")
        return self.settings


ProviderFactory = Callable[[ProviderConfig], ImageProvider]


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """A registered provider.

    Attributes:
        factory: Makes the provider; as `module:name` it is imported at the first use, with the SDK that it needs.
        settings_model: The model of the provider's own settings.
        paid: Whether the provider spends money; False makes it available in mock mode.
    """

    factory: ProviderFactory | str
    settings_model: type[ProviderSettings] = ProviderSettings
    paid: bool = True
