"""Lookbook page for try-on tasks: the person in the background, the garments in order on cards beside them."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

from providers.images.mock.canvas import (
    Box,
    Colour,
    Size,
    caption,
    digest,
    drop_shadow,
    encoded,
    rounded_mask,
)
from schemas.errors import Invalid

_CARDS_PER_COLUMN = 5
_SHADE_ALPHA = 215


def draw_lookbook(inputs: tuple[bytes, ...], text: str, size: Size, key: str) -> bytes:
    """Return the page as JPEG bytes.

    Raises:
        Invalid: An input is not a picture.
    """
    person = _open_fitted(inputs, 0, size)
    colours = [_dominant_colour(person)]
    canvas = person
    _darken_bottom(canvas)
    for number, box in enumerate(card_boxes(len(inputs) - 1, size), start=1):
        card = _open_fitted(inputs, number, (box[2] - box[0], box[3] - box[1]))
        colours.append(_dominant_colour(card))
        _draw_card(canvas, card, box)
    _draw_swatches(canvas, colours)
    caption(canvas, f"Look {digest(key)[0] % 99 + 1:02} - mock", text, fill=(255, 255, 255))
    return encoded(canvas)


def card_boxes(count: int, size: Size) -> list[Box]:
    """Return the boxes of the cards in input order: down the right side, further columns to the left."""
    if count < 1:
        return []
    width, height = size
    columns = math.ceil(count / _CARDS_PER_COLUMN)
    rows = math.ceil(count / columns)
    margin, gap = round(width * 0.045), round(width * 0.025)
    available = round(height * 0.68) - margin
    card_height = min(round(width * 0.3), (available - gap * (rows - 1)) // rows)
    card_width = round(card_height * 0.8)
    return [
        (left, top, left + card_width, top + card_height)
        for number in range(count)
        for left in [width - margin - card_width - (number // rows) * (card_width + gap)]
        for top in [margin + (number % rows) * (card_height + gap)]
    ]


def _open_fitted(inputs: tuple[bytes, ...], number: int, size: Size) -> Image.Image:
    try:
        with Image.open(io.BytesIO(inputs[number])) as picture:
            picture.draft("RGB", size)
            return ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.BILINEAR, centering=(0.5, 0.3))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise Invalid(f"input {number} is no picture", code="input_unreadable", provider="mock") from error


def _dominant_colour(picture: Image.Image) -> Colour:
    palette = picture.resize((24, 24), Image.Resampling.BOX).quantize(4)
    red, green, blue = (palette.getpalette() or [0, 0, 0])[:3]
    return red, green, blue


def _darken_bottom(canvas: Image.Image) -> None:
    height = round(canvas.height * 0.36)
    ramp = Image.linear_gradient("L").point([value * _SHADE_ALPHA // 255 for value in range(256)])
    canvas.paste((12, 12, 16), (0, canvas.height - height), ramp.resize((canvas.width, height)))


def _draw_card(canvas: Image.Image, card: Image.Image, box: Box) -> None:
    border = max(2, card.width // 28)
    frame = (box[0] - border, box[1] - border, box[2] + border, box[3] + border)
    drop_shadow(canvas, frame, border * 3)
    canvas.paste((255, 255, 255), frame[:2], rounded_mask((frame[2] - frame[0], frame[3] - frame[1]), border * 3))
    canvas.paste(card, box[:2], rounded_mask(card.size, border * 2))


def _draw_swatches(canvas: Image.Image, colours: list[Colour]) -> None:
    draw = ImageDraw.Draw(canvas)
    unit = min(canvas.size) / 1024
    radius, left, top = round(17 * unit), round(73 * unit), canvas.height - round(300 * unit)
    for number, colour in enumerate(colours):
        centre = (left + number * round(46 * unit), top)
        draw.circle(centre, radius + max(1, round(3 * unit)), fill=(255, 255, 255))
        draw.circle(centre, radius, fill=colour)
