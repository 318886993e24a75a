"""Replicate's image models. Importing this package does not import an HTTP client."""

from providers.images.config import ProviderEntry
from providers.images.replicate.settings import ReplicateSettings

PROVIDER = ProviderEntry("providers.images.replicate.provider:ReplicateProvider", settings_model=ReplicateSettings)
