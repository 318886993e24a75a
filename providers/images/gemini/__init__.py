"""Google's Gemini image models. Importing this package does not import an HTTP client."""

from providers.images.config import ProviderEntry
from providers.images.gemini.settings import GeminiSettings

PROVIDER = ProviderEntry("providers.images.gemini.provider:GeminiProvider", settings_model=GeminiSettings)
