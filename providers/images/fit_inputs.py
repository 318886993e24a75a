"""Fits input pictures to what a provider accepts: their number, side length, pixels and bytes.

The inputs are JPEGs that the stage `resize` wrote, so they are decoded without further checks.
"""

from __future__ import annotations

import asyncio
import io
import math
from typing import TYPE_CHECKING

from PIL import Image

from providers.images.base import SurplusInputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from providers.images.base import Capabilities

_WHITE = (255, 255, 255)
#: Longest side of a composed picture, pixels, and the white border around each of its pictures, as a share of that.
_COMPOSED_PX = 1024
_BORDER = 0.02
#: JPEG qualities tried, in order, before a picture with too many bytes is made smaller.
_QUALITIES = (90, 80, 70)
#: Factor of the sides of a picture that has too many bytes at every quality.
_SHRINK = 0.75


async def fit_inputs(inputs: tuple[bytes, ...], capabilities: Capabilities) -> tuple[bytes, ...]:
    """Return the inputs as the provider accepts them; those that it accepts already are unchanged.

    Surplus inputs are composed into the last one that the provider takes, on white, in their order, if its
    capabilities say so.
    """
    surplus = len(inputs) > capabilities.max_inputs and capabilities.surplus_inputs is SurplusInputs.COMPOSE
    if not surplus and all(_fits(data, capabilities) for data in inputs):
        return inputs
    return await asyncio.to_thread(_fit_all, inputs, capabilities, compose_surplus=surplus)


def compose(pictures: Sequence[bytes], side_px: int = _COMPOSED_PX) -> bytes:
    """Return one JPEG with the pictures on white, in rows, each in full; its longest side is `side_px` pixels."""
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    cell = side_px // max(columns, rows)
    border = round(side_px * _BORDER)
    canvas = Image.new("RGB", (cell * columns, cell * rows), _WHITE)
    for number, data in enumerate(pictures):
        with Image.open(io.BytesIO(data)) as picture:
            shown = picture.convert("RGB")
        shown.thumbnail((cell - 2 * border, cell - 2 * border), Image.Resampling.LANCZOS)
        left, top = number % columns * cell, number // columns * cell
        canvas.paste(shown, (left + (cell - shown.width) // 2, top + (cell - shown.height) // 2))
    return _encoded(canvas, _QUALITIES[0])


def _fit_all(inputs: tuple[bytes, ...], capabilities: Capabilities, *, compose_surplus: bool) -> tuple[bytes, ...]:
    if compose_surplus:
        kept = capabilities.max_inputs - 1
        side_px = min(_COMPOSED_PX, capabilities.max_input_px or _COMPOSED_PX)
        inputs = (*inputs[:kept], compose(inputs[kept:], side_px))
    return tuple(data if _fits(data, capabilities) else _shrunk(data, capabilities) for data in inputs)


def _fits(data: bytes, capabilities: Capabilities) -> bool:
    if capabilities.max_input_bytes is not None and len(data) > capabilities.max_input_bytes:
        return False
    if capabilities.max_input_px is None and capabilities.max_input_pixels is None:
        return True
    with Image.open(io.BytesIO(data)) as picture:
        return _scale(picture.size, capabilities) == 1


def _scale(size: tuple[int, int], capabilities: Capabilities) -> float:
    """Return the factor, at most 1, by which a picture of this size must shrink."""
    width, height = size
    by_side = capabilities.max_input_px / max(size) if capabilities.max_input_px else 1.0
    by_pixels = math.sqrt(capabilities.max_input_pixels / (width * height)) if capabilities.max_input_pixels else 1.0
    return min(1.0, by_side, by_pixels)


def _shrunk(data: bytes, capabilities: Capabilities) -> bytes:
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    picture = _scaled(picture, _scale(picture.size, capabilities))
    while True:
        for quality in _QUALITIES:
            encoded = _encoded(picture, quality)
            if capabilities.max_input_bytes is None or len(encoded) <= capabilities.max_input_bytes:
                return encoded
        if max(picture.size) == 1:
            return encoded
        picture = _scaled(picture, _SHRINK)


def _scaled(picture: Image.Image, factor: float) -> Image.Image:
    if factor == 1:
        return picture
    size = (max(1, math.floor(picture.width * factor)), max(1, math.floor(picture.height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _encoded(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
