"""What runs under `dramatiq actors` and `periodiq actors`: one thin module per actor."""

from actors.app import broker
from actors.fetch import fetch
from actors.generate import generate
from actors.notify import notify
from actors.resize import resize
from actors.sweep import sweep
from actors.upload import upload
from actors.watermark import watermark

__all__ = ["broker", "fetch", "generate", "notify", "resize", "sweep", "upload", "watermark"]
