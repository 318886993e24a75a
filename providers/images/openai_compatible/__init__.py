"""Servers that speak OpenAI's images API. Importing this package does not import an HTTP client."""

from providers.images.config import ProviderEntry
from providers.images.openai_compatible.settings import OpenAICompatibleSettings

PROVIDER = ProviderEntry(
    "providers.images.openai_compatible.provider:OpenAICompatibleProvider", settings_model=OpenAICompatibleSettings
)
