"""Hair, behind the head and in front of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from devtools.pictures.curves import mirrored

if TYPE_CHECKING:
    from devtools.pictures.sheet import Sheet

#: Discs of curly hair: (x from the centre line, y, radius).
CURLS = tuple(
    (math.cos(angle) * 6.6, 22.6 - math.sin(angle) * 6.2, 2.9)
    for angle in (step * math.pi / 9 - 0.5 for step in range(12))
)


def behind(sheet: Sheet, style: str, colour: str) -> None:
    """Draw the hair behind head and shoulders."""
    if style == "long":
        half = [(0, 16.4), (6.4, 19), (7.6, 28), (9.4, 40), (9.0, 51), (5.0, 54), (0, 50)]
        sheet.shape(mirrored(half), colour, volume=0.18)
    elif style == "bun":
        sheet.shape(mirrored([(0, 11.4), (3.4, 13.4), (3.0, 17.6), (0, 18.6)]), colour, volume=0.25)
        sheet.shape(mirrored([(0, 16.8), (6.0, 19.6), (6.2, 26), (4.4, 30), (0, 30)]), colour, volume=0.18)
    elif style == "curls":
        sheet.shape(mirrored([(0, 14.6), (7.4, 18), (8.2, 26), (5.6, 31), (0, 30)]), colour, volume=0.12)
        for x, y, radius in CURLS:
            sheet.shape(
                [(50 + x + radius, y), (50 + x, y + radius), (50 + x - radius, y), (50 + x, y - radius)],
                colour,
                volume=0.3,
            )
    else:
        sheet.shape(mirrored([(0, 16.2), (6.2, 19), (6.3, 25), (5.0, 28), (0, 28)]), colour, volume=0.18)


def in_front(sheet: Sheet, style: str, colour: str) -> None:
    """Draw the hair around the face."""
    if style == "long":
        sheet.shape(
            [(50.6, 17.2), (56.4, 19.4), (57.2, 27), (56.2, 32.4), (55.2, 26.4), (53, 22.4), (49.6, 20.2)], colour
        )
        sheet.shape([(50.8, 17.2), (44.2, 18.8), (42.9, 27), (43.8, 33), (44.9, 26), (46.6, 22.4), (49.9, 20)], colour)
    elif style == "bun":
        sheet.shape(
            [(50, 17), (55.8, 19.6), (56, 24.6), (53.4, 20.9), (50, 20), (46.6, 20.9), (44, 24.6), (44.2, 19.6)], colour
        )
    elif style == "curls":
        for x in (-4.2, -1.5, 1.5, 4.2):
            y = 19.4 + abs(x) * 0.25
            sheet.shape([(52.1 + x, y), (50 + x, y + 1.9), (47.9 + x, y), (50 + x, y - 2.1)], colour, volume=0.3)
    else:
        side = [
            (43.8, 25),
            (44.2, 18.8),
            (49, 15.8),
            (55.4, 17.6),
            (56.3, 25),
            (55, 21.8),
            (51, 21.4),
            (46.4, 20.4),
            (45, 22.4),
        ]
        sheet.shape(side, colour)
