"""Scenes drawn from a prompt without inputs: a portrait if it mentions a person, else a product on a podium."""

from __future__ import annotations

import re

from PIL import Image, ImageDraw, ImageFilter

from providers.images.mock.canvas import Size, caption, digest, encoded, hsv, vertical_gradient

_PERSON = re.compile(r"\b(portrait|selfie|avatar|person|woman|man|girl|boy|lady|years? old|companion)\b", re.IGNORECASE)
_NAME = re.compile(r'\bName: "([^"]+)"')
_SKIN = ((255, 224, 196), (241, 194, 152), (214, 156, 112), (172, 116, 78), (120, 78, 52))
_HAIR = ((38, 28, 26), (84, 54, 38), (150, 96, 52), (206, 160, 96), (120, 44, 36))


def draw_scene(text: str, size: Size, key: str) -> bytes:
    """Return the scene as JPEG bytes; the prompt determines the colours, the key the details."""
    # Draw at half size: enlarging smooths the edges, at a quarter of the cost.
    small = (max(1, size[0] // 2), max(1, size[1] // 2))
    hue = digest(text)[0] / 255
    portrait = bool(_PERSON.search(text))
    named = _NAME.search(text)
    # A named person looks the same in every picture.
    seed = digest(named[1] if portrait and named else key)
    scene = _portrait(small, hue, seed) if portrait else _product(small, hue, seed)
    canvas = scene.resize(size, Image.Resampling.BICUBIC)
    caption(canvas, "Portrait - mock" if portrait else "Product - mock", text, fill=(255, 255, 255))
    return encoded(canvas)


def draw_plain(key: str) -> bytes:
    """Return a JPEG of one colour, 64 by 96 pixels."""
    return encoded(Image.new("RGB", (64, 96), hsv(digest(key)[0] / 255, 0.5, 0.8)))


def _portrait(size: Size, hue: float, seed: bytes) -> Image.Image:
    width, height = size
    canvas = vertical_gradient(size, hsv(hue, 0.22, 0.98), hsv(hue + 0.08, 0.55, 0.5))
    draw = ImageDraw.Draw(canvas)
    x, y, unit = width / 2, height * 0.4, width / 512
    draw.circle((x + (seed[1] - 128) / 3 * unit, y - 20 * unit), 190 * unit, fill=hsv(hue + 0.1, 0.35, 1.0))
    skin, hair = _SKIN[seed[2] % len(_SKIN)], _HAIR[seed[3] % len(_HAIR)]
    shade = tuple(round(part * 0.86) for part in skin)
    cloth = hsv(hue + 0.45 + seed[4] / 1275, 0.5, 0.72)
    long = 60 + seed[5] % 130
    hair_box = (x - 108 * unit, y - 128 * unit, x + 108 * unit, y + long * unit)
    draw.rounded_rectangle(hair_box, 104 * unit, fill=hair)
    draw.ellipse((x - 215 * unit, y + 165 * unit, x + 215 * unit, y + 620 * unit), fill=cloth)
    draw.rectangle((x - 215 * unit, y + 390 * unit, x + 215 * unit, height), fill=cloth)
    draw.rounded_rectangle((x - 36 * unit, y + 50 * unit, x + 36 * unit, y + 215 * unit), 34 * unit, fill=shade)
    draw.ellipse((x - 82 * unit, y - 100 * unit, x + 82 * unit, y + 116 * unit), fill=skin)
    draw.chord((x - 96 * unit, y - 124 * unit, x + 96 * unit, y + 44 * unit), 188 + seed[6] % 12, 352, fill=hair)
    _face(draw, x, y, unit)
    return _floor_shade(canvas)


def _face(draw: ImageDraw.ImageDraw, x: float, y: float, unit: float) -> None:
    ink, line = (60, 40, 40), max(1, round(4 * unit))
    for side in (-1, 1):
        eye = x + side * 34 * unit
        draw.arc((eye - 15 * unit, y - 2 * unit, eye + 15 * unit, y + 20 * unit), 20, 160, fill=ink, width=line)
    draw.arc((x - 26 * unit, y + 38 * unit, x + 26 * unit, y + 76 * unit), 20, 160, fill=(160, 70, 70), width=line)


def _product(size: Size, hue: float, seed: bytes) -> Image.Image:
    width, height = size
    canvas = vertical_gradient(size, hsv(hue, 0.12, 0.97), hsv(hue, 0.32, 0.8))
    draw = ImageDraw.Draw(canvas)
    x, floor, unit = width / 2, height * 0.68, width / 512
    draw.rectangle((0, floor, width, height), fill=hsv(hue, 0.38, 0.62))
    arch = (x - 170 * unit, floor - 430 * unit, x + 170 * unit, floor + 170 * unit)
    draw.rounded_rectangle(
        (*arch[:3], floor), 168 * unit, fill=hsv(hue + 0.06, 0.3, 0.88), corners=(True, True, False, False)
    )
    top = floor - 6 * unit
    draw.rectangle((x - 150 * unit, top, x + 150 * unit, top + 76 * unit), fill=hsv(hue, 0.25, 0.78))
    draw.ellipse((x - 150 * unit, top + 46 * unit, x + 150 * unit, top + 106 * unit), fill=hsv(hue, 0.25, 0.78))
    draw.ellipse((x - 150 * unit, top - 30 * unit, x + 150 * unit, top + 30 * unit), fill=hsv(hue, 0.16, 0.95))
    canvas = _contact_shadow(canvas, (x - 100 * unit, top - 14 * unit, x + 130 * unit, top + 24 * unit))
    _bottle(ImageDraw.Draw(canvas), (x, top + 8 * unit, unit), hue, seed)
    return _floor_shade(canvas)


def _bottle(draw: ImageDraw.ImageDraw, stand: tuple[float, float, float], hue: float, seed: bytes) -> None:
    x, foot, unit = stand
    half, tall = (52 + seed[1] % 40) * unit, (170 + seed[2] % 110) * unit
    body, cap = hsv(hue + 0.5, 0.42, 0.8), hsv(hue + 0.5, 0.55, 0.34)
    draw.rounded_rectangle(
        (x - half * 0.42, foot - tall - 54 * unit, x + half * 0.42, foot - tall + 20 * unit), 8 * unit, fill=cap
    )
    draw.rounded_rectangle((x - half, foot - tall, x + half, foot), (14 + seed[3] % 30) * unit, fill=body)
    draw.rectangle((x - half, foot - tall * 0.62, x + half, foot - tall * 0.26), fill=(250, 247, 240))
    for number, share in enumerate((0.5, 0.32, 0.4)):
        line = foot - tall * (0.54 - number * 0.09)
        draw.line((x - half * share, line, x + half * share, line), fill=cap, width=max(1, round(3 * unit)))
    shine = (x - half * 0.8, foot - tall * 0.93, x - half * 0.62, foot - tall * 0.08)
    draw.rounded_rectangle(shine, 6 * unit, fill=hsv(hue + 0.5, 0.16, 0.97))


def _contact_shadow(canvas: Image.Image, ellipse: tuple[float, float, float, float]) -> Image.Image:
    mask = Image.new("L", canvas.size)
    ImageDraw.Draw(mask).ellipse(ellipse, fill=120)
    canvas.paste((20, 16, 24), (0, 0), mask.filter(ImageFilter.BoxBlur(6)))
    return canvas


def _floor_shade(canvas: Image.Image) -> Image.Image:
    height = max(1, canvas.height // 4)
    ramp = Image.linear_gradient("L").point([value * 150 // 255 for value in range(256)])
    canvas.paste((14, 12, 20), (0, canvas.height - height), ramp.resize((canvas.width, height)))
    return canvas
