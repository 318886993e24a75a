"""Shared drawing functions of the mock provider: colours, gradients, shadows and captions in Pillow's own font."""

from __future__ import annotations

import colorsys
import functools
import hashlib
import io

from PIL import Image, ImageDraw, ImageFilter, ImageFont

Colour = tuple[int, int, int]
Size = tuple[int, int]
Box = tuple[int, int, int, int]

#: Sufficient for a gallery, at a fifth of the size of quality 95.
_JPEG_QUALITY = 86
_SHADOW_ALPHA = 110


def digest(key: str) -> bytes:
    """Return 32 pseudo-random bytes determined by `key`."""
    return hashlib.sha256(key.encode()).digest()


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Return an sRGB colour; arguments range from 0 to 1, and the hue wraps around."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def vertical_gradient(size: Size, top: Colour, bottom: Colour) -> Image.Image:
    """Return an RGB picture that fades from `top` to `bottom`."""
    ramp = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)


@functools.lru_cache(maxsize=32)
def rounded_mask(size: Size, radius: int) -> Image.Image:
    """Return an antialiased mask of a rounded rectangle. It is cached: do not modify it."""
    big = Image.new("L", (size[0] * 2, size[1] * 2))
    ImageDraw.Draw(big).rounded_rectangle((0, 0, big.width - 1, big.height - 1), radius * 2, fill=255)
    return big.resize(size, Image.Resampling.BILINEAR)


def drop_shadow(canvas: Image.Image, box: Box, radius: int) -> None:
    """Darken the canvas softly under `box`."""
    blur = max(2, radius)
    size = (box[2] - box[0], box[3] - box[1])
    # A quarter of the resolution is enough for a blurred shadow.
    shadow = Image.new("L", ((size[0] + 4 * blur) // 4, (size[1] + 4 * blur) // 4))
    inner = (blur // 2, blur // 2, blur // 2 + size[0] // 4, blur // 2 + size[1] // 4)
    ImageDraw.Draw(shadow).rounded_rectangle(inner, radius // 4, fill=_SHADOW_ALPHA)
    shadow = shadow.filter(ImageFilter.BoxBlur(blur / 4)).resize((size[0] + 4 * blur, size[1] + 4 * blur))
    canvas.paste((0, 0, 0), (box[0] - 2 * blur, box[1] - 2 * blur + blur // 2), shadow)


def wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int, lines: int) -> str:
    """Return the text in at most `lines` lines no wider than `width` pixels, truncated with an ellipsis."""
    done: list[str] = []
    line = ""
    for word in text.split():
        candidate = f"{line} {word}".strip()
        if not line or font.getlength(candidate) <= width:
            line = candidate
        elif len(done) + 1 == lines:
            return "\n".join([*done, line + "…"])
        else:
            done.append(line)
            line = word
    return "\n".join([*done, line])


def caption(canvas: Image.Image, label: str, text: str, *, fill: Colour) -> None:
    """Draw a small label and the text at the bottom left."""
    draw = ImageDraw.Draw(canvas)
    unit = min(canvas.size) / 1024
    margin = round(56 * unit)
    big, small = ImageFont.load_default(max(8, round(34 * unit))), ImageFont.load_default(max(6, round(20 * unit)))
    body = wrapped(text, big, round(canvas.width * 0.8), 3)
    height = (body.count("\n") + 1) * round(44 * unit)
    top = canvas.height - margin - height
    draw.text((margin, top - round(38 * unit)), " ".join(label.upper()), font=small, fill=fill)
    draw.multiline_text((margin, top), body, font=big, fill=fill, spacing=round(8 * unit))


def encoded(picture: Image.Image) -> bytes:
    """Return the picture as JPEG bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
