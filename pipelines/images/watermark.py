"""The visible watermark: text in the lower right corner, readable on any background."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from pipelines.images.decode import decode
from pipelines.images.encode import encode

#: Shares of the picture's shorter side.
_TEXT_SHARE, _MARGIN_SHARE = 0.034, 0.02
#: Minimum font size in pixels; smaller letters are unreadable.
_MIN_TEXT_PX = 11
#: Maximum share of the width and of the height that the text covers.
_WIDTH_SHARE, _HEIGHT_SHARE = 0.9, 0.5
#: White text on black at this opacity: 5.9 to 1 over pure white, above the 4.5 that WCAG 2.2, 1.4.3 asks of small text.
_PLATE, _OPACITY = (0, 0, 0), 158

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def watermark(data: bytes, *, text: str, max_pixels: int, subject: str = "The picture", quality: int = 92) -> bytes:
    """Return the picture as a JPEG with `text` on it, without metadata.

    Args:
        data: JPEG, PNG or WebP bytes.
        text: The watermark; characters that the font (Aileron, part of Pillow) lacks appear as boxes.
        max_pixels: Maximum number of pixels to decode.
        subject: Name of the picture in error messages.
        quality: libjpeg's scale, 1 to 95.

    Raises:
        InputRefused: `data` is not a picture of an accepted format, is too large, or is damaged.
    """
    image = decode(data, max_pixels=max_pixels, subject=subject)
    draw_watermark(image, text)
    return encode(image, quality=quality)


def draw_watermark(image: Image.Image, text: str) -> tuple[int, int, int, int]:
    """Draw `text` onto `image`, mode RGB, in place.

    Returns:
        The covered box in pixels: left, top, right, bottom; always inside the picture.
    """
    mask = _fit(text, *image.size)
    margin = min(round(min(image.size) * _MARGIN_SHARE), image.width - mask.width, image.height - mask.height)
    left, top = image.width - mask.width - margin, image.height - mask.height - margin
    box = (left, top, left + mask.width, top + mask.height)
    image.paste(_PLATE, box, Image.new("L", mask.size, _OPACITY))
    image.paste((255, 255, 255), box, mask)
    return box


def _fit(text: str, width: int, height: int) -> Image.Image:
    """Return the text as an opacity mask, padded to the size of the plate, no larger than the picture."""
    size = max(_MIN_TEXT_PX, round(min(width, height) * _TEXT_SHARE))
    mask = _text_mask(text, size, round(width * _WIDTH_SHARE))
    while size > _MIN_TEXT_PX and mask.height > height * _HEIGHT_SHARE:
        size = max(_MIN_TEXT_PX, round(size * 0.85))
        mask = _text_mask(text, size, round(width * _WIDTH_SHARE))
    if mask.width > width or mask.height > height:  # too small for readable text: shrink the mask
        mask.thumbnail((width, height))
    return mask


def _text_mask(text: str, size: int, width: int) -> Image.Image:
    font, pad = _font(size), max(2, size // 3)
    lines = "\n".join(_wrap(text, font, width - 2 * pad))
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), lines, font)
    mask = Image.new("L", (round(right - left) + 2 * pad, round(bottom - top) + 2 * pad))
    ImageDraw.Draw(mask).multiline_text((pad - left, pad - top), lines, 255, font)
    return mask


def _wrap(text: str, font: _Font, width: float) -> list[str]:
    """Break `text` into lines of at most `width` pixels: between words, or within a word that is too long."""
    lines: list[str] = []
    line = ""
    for letter in " ".join(text.split()):
        line += letter
        if font.getlength(line) > width and len(line) > 1:
            kept, _, rest = line.rpartition(" ") if " " in line.strip() else (line[:-1], "", letter)
            lines.append(kept)
            line = rest
    return [*lines, line]


@lru_cache(maxsize=32)
def _font(size: int) -> _Font:
    return ImageFont.load_default(size)
