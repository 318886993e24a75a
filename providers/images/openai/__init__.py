"""OpenAI's image models. Importing this package does not import the `openai` SDK."""

from providers.images.config import ProviderEntry
from providers.images.openai.settings import OpenAISettings

PROVIDER = ProviderEntry("providers.images.openai.provider:OpenAIProvider", settings_model=OpenAISettings)
