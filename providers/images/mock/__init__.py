"""The provider that spends nothing. Importing this package does not import Pillow."""

from providers.images.config import ProviderEntry
from providers.images.mock.settings import MockSettings

PROVIDER = ProviderEntry("providers.images.mock.provider:from_config", settings_model=MockSettings, paid=False)
