"""The image work: pure functions from bytes to bytes, safe to call from many threads.

They block and use a core: callers on an event loop run them in threads, no more at a time than there are cores.
"""

from pipelines.images.finish import FinishedImage, finish
from pipelines.images.normalize import normalize
from pipelines.images.watermark import watermark
from providers.pictures.probe import ImageInfo, probe

__all__ = ["FinishedImage", "ImageInfo", "finish", "normalize", "probe", "watermark"]
