"""A canvas for shapes with soft light, drawn at twice the saved size."""

from __future__ import annotations

import colorsys
import functools
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

from devtools.pictures.curves import Point, smooth

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Colour = tuple[int, int, int]

#: Factor between drawn and saved size, for smooth edges.
OVERSIZE = 2


def shade(colour: str | Colour, by: float) -> Colour:
    """Return `colour` (`#rrggbb` or three numbers), lighter (`by` up to 1) or darker (down to -1)."""
    red, green, blue = ImageColor.getrgb(colour)[:3] if isinstance(colour, str) else colour
    hue, light, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    light = light + (1 - light) * by if by > 0 else light * (1 + by)
    red_f, green_f, blue_f = colorsys.hls_to_rgb(hue, light, saturation)
    return round(red_f * 255), round(green_f * 255), round(blue_f * 255)


class Sheet:
    """A picture 100 units wide."""

    def __init__(self, width_px: int, height_px: int, top: str, bottom: str) -> None:
        """Create an empty sheet with a gradient from `top` to `bottom`."""
        self._size_px = (width_px, height_px)
        size = (width_px * OVERSIZE, height_px * OVERSIZE)
        self._unit = size[0] / 100
        ramp = Image.linear_gradient("L").resize(size)
        self.picture = Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)

    def shape(
        self,
        points: Sequence[Point],
        colour: str | Colour,
        *,
        curved: bool = True,
        volume: float = 0.16,
        pattern: str = "",
    ) -> None:
        """Fill an outline, with light from the upper left.

        Args:
            points: The outline.
            colour: As for `shade`.
            curved: Whether to round the outline.
            volume: Strength of the light; 0 is flat.
            pattern: Colour of stripes; empty for none.
        """
        box, mask = self._mask(smooth(points) if curved else points)
        fill = _light(mask.size, shade(colour, volume), shade(colour, -volume))
        if pattern:
            fill.paste(
                _light(mask.size, shade(pattern, volume), shade(pattern, -volume)), mask=self._stripes(mask.size)
            )
        self.picture.paste(fill, box, mask)

    def shadow(
        self, points: Sequence[Point], *, blur: float = 1.6, drop: Point = (0.8, 1.2), strength: float = 0.3
    ) -> None:
        """Draw the soft shadow of an outline."""
        box, mask = self._mask(smooth(points), margin=blur * 3)
        # Blur at a quarter of the size, which is faster and looks the same.
        soft = ImageFilter.BoxBlur(blur * self._unit / 8)
        mask = mask.reduce(4).filter(soft).filter(soft).resize(mask.size, Image.Resampling.BILINEAR)
        at = (box[0] + round(drop[0] * self._unit), box[1] + round(drop[1] * self._unit))
        self.picture.paste((40, 26, 22), at, mask.point([round(value * strength) for value in range(256)]))

    def line(self, points: Sequence[Point], colour: Colour | str, width: float = 0.35) -> None:
        """Draw a smooth line."""
        path = [(x * self._unit, y * self._unit) for x, y in smooth(points, closed=False)]
        ImageDraw.Draw(self.picture).line(path, fill=colour, width=max(1, round(width * self._unit)), joint="curve")

    def dot(self, x: float, y: float, radius: float, colour: Colour | str) -> None:
        """Draw a disc."""
        ImageDraw.Draw(self.picture).circle((x * self._unit, y * self._unit), radius * self._unit, fill=colour)

    def save(self, path: Path) -> None:
        """Write the picture as JPEG, with a little grain for a photographic look."""
        picture = self.picture.reduce(OVERSIZE)
        ImageChops.overlay(picture, _grain(self._size_px)).save(path, quality=90)

    def _mask(self, points: Sequence[Point], margin: float = 0.0) -> tuple[tuple[int, int], Image.Image]:
        path = [(x * self._unit, y * self._unit) for x, y in points]
        pad = round(margin * self._unit) + 1
        left, top = (round(min(values)) - pad for values in zip(*path, strict=True))
        right, bottom = (round(max(values)) + pad for values in zip(*path, strict=True))
        mask = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in path], fill=255)
        return (left, top), mask

    def _stripes(self, size: tuple[int, int]) -> Image.Image:
        mask = Image.new("L", size)
        draw = ImageDraw.Draw(mask)
        step = round(3.4 * self._unit)
        for top in range(step, size[1], step):
            draw.rectangle((0, top, size[0], top + step // 3), fill=255)
        return mask


def _light(size: tuple[int, int], near: Colour, far: Colour) -> Image.Image:
    ramp = _diagonal()
    small = Image.composite(Image.new("RGB", ramp.size, far), Image.new("RGB", ramp.size, near), ramp)
    return small.resize(size, Image.Resampling.BILINEAR)


@functools.cache
def _diagonal() -> Image.Image:
    down = Image.linear_gradient("L").resize((64, 64))
    return ImageChops.add(down.rotate(90), down, scale=2)


@functools.lru_cache(maxsize=2)
def _grain(size: tuple[int, int]) -> Image.Image:
    return Image.effect_noise(size, 7).convert("RGB")
