"""Models on fal's queue. Importing this package does not import an HTTP client."""

from providers.images.config import ProviderEntry
from providers.images.fal.settings import FalSettings

PROVIDER = ProviderEntry("providers.images.fal.provider:FalProvider", settings_model=FalSettings)
