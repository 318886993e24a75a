"""The pictures: real JPEGs, small, so that pixels are not what limits a run."""

from __future__ import annotations

import hashlib
import io

from PIL import Image

WIDTH, HEIGHT = 256, 384


def picture(name: str) -> bytes:
    """A JPEG of 256 by 384 pixels, in a colour of its own for each name."""
    red, green, blue = hashlib.sha256(name.encode()).digest()[:3]
    drawn = io.BytesIO()
    Image.linear_gradient("L").resize((WIDTH, HEIGHT)).convert("RGB").point(
        [round(level * peak / 255) for peak in (red, green, blue) for level in range(256)]
    ).save(drawn, "JPEG", quality=80)
    return drawn.getvalue()
