"""Small JPEG pictures, so that image processing does not limit a run."""

from __future__ import annotations

import hashlib
import io

from PIL import Image

WIDTH, HEIGHT = 256, 384


def picture(name: str) -> bytes:
    """Return a JPEG of 256 by 384 pixels, in a different colour for each name."""
    red, green, blue = hashlib.sha256(name.encode()).digest()[:3]
    drawn = io.BytesIO()
    Image.linear_gradient("L").resize((WIDTH, HEIGHT)).convert("RGB").point(
        [round(level * peak / 255) for peak in (red, green, blue) for level in range(256)]
    ).save(drawn, "JPEG", quality=80)
    return drawn.getvalue()
