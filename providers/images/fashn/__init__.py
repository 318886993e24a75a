"""FASHN's try-on models. Importing this package does not import an HTTP client."""

from providers.images.config import ProviderEntry
from providers.images.fashn.settings import FashnSettings

PROVIDER = ProviderEntry("providers.images.fashn.provider:FashnProvider", settings_model=FashnSettings)
