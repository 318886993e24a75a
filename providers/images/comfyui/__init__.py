"""A ComfyUI of your own. Importing this package does not import an HTTP client."""

from providers.images.comfyui.settings import ComfyUISettings
from providers.images.config import ProviderEntry

PROVIDER = ProviderEntry("providers.images.comfyui.provider:ComfyUIProvider", settings_model=ComfyUISettings)
