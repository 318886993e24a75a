"""From pixels to a JPEG file that holds nothing but what is handed in."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def encode(image: Image.Image, *, quality: int, xmp: bytes = b"") -> bytes:
    """A baseline JPEG, 4:2:0, without metadata but `xmp`.

    Pillow's encoder writes the same bytes as libvips' and needs no threads: for a small picture a seventh of the time.

    Args:
        image: Mode RGB, at most 65,500 pixels a side.
        quality: libjpeg's scale, 1 to 95.
        xmp: An XMP packet to embed.
    """
    file = BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling="4:2:0", xmp=xmp)
    return file.getvalue()
