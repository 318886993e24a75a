"""Image functions: pure functions from bytes to bytes, thread-safe.

They block and use a core: run them from an event loop through `pipelines.decoders`.
"""

from pipelines.images.finish import FinishedImage, finish
from pipelines.images.normalize import normalize
from pipelines.images.watermark import watermark
from providers.pictures.probe import ImageInfo, probe

__all__ = ["FinishedImage", "ImageInfo", "finish", "normalize", "probe", "watermark"]
