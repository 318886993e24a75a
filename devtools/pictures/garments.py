"""Drawn garments for the demo, laid flat as in a shop's photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devtools.pictures.curves import Point, limb, mirrored
from devtools.pictures.sheet import Sheet, shade

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SIZE_PX = (880, 1100)

#: Right halves, top to bottom; x counts from the centre line.
COAT = [(6, 17), (19, 21), (24, 30), (24.5, 60), (27, 111), (27, 111), (0, 113)]
SHIRT = [(6, 24), (22, 28), (25, 36), (23.4, 60), (24.4, 98), (24.4, 98), (0, 100)]
KNIT = [(8, 26), (22, 29), (26, 40), (25, 70), (25, 92), (23.5, 97), (0, 98)]


def draw(name: str, path: Path) -> None:
    """Draw the garment called `name` and write it as JPEG."""
    backdrop, garment = GARMENTS[name]
    sheet = Sheet(*SIZE_PX, *backdrop)
    garment(sheet)
    sheet.save(path)


def _linen_shirt(sheet: Sheet) -> None:
    colour = "#f7f2e7"
    _sleeves(sheet, colour, ((18, 35), (31, 57), (35, 86)), (6.6, 4.6))
    _body(sheet, SHIRT, colour, volume=0.1)
    sheet.line([(50, 34), (50, 98)], shade(colour, -0.16), 0.4)
    for y in range(42, 96, 11):
        sheet.dot(51.4, y, 0.75, shade(colour, -0.32))
    for side in (-1, 1):
        collar = [(50, 33), (50, 33), (50 + side * 7, 22), (50 + side * 12, 30), (50 + side * 6.4, 38.6)]
        sheet.shadow(collar, blur=0.7, drop=(0.2, 0.7), strength=0.2)
        sheet.shape(collar, "#fdf9f0", curved=False, volume=0.08)
        sheet.line([(50 + side * 16, 98), (50 + side * 15, 78), (50 + side * 17.5, 58)], shade(colour, -0.08), 0.5)


def _striped_knit(sheet: Sheet) -> None:
    colour, stripe = "#f3ead9", "#28456b"
    _sleeves(sheet, colour, ((18.4, 37), (32, 58), (32, 86)), (7.4, 5.6), pattern=stripe)
    _body(sheet, KNIT, colour, volume=0.1, pattern=stripe)
    sheet.shape(mirrored([(8.4, 24), (6.4, 30), (0, 32.6)]), "#1f3756", volume=0.15)
    sheet.shape(mirrored([(6, 22.8), (4.6, 27), (0, 29)]), "#d9cfbd", volume=0.2)
    sheet.shape(mirrored([(24.8, 92), (24.8, 92), (23, 98), (23, 98), (0, 99)]), "#28456b", volume=0.12)


def _trench_coat(sheet: Sheet) -> None:
    colour = "#c9a878"
    _sleeves(sheet, colour, ((17, 28.4), (30.4, 52), (32, 86)), (6.6, 5.4))
    _body(sheet, COAT, colour)
    for side in (-1, 1):
        lapel = [(50 + side * 5, 17), (50 + side * 16, 21), (50 + side * 13.6, 34), (50 + side * 1.2, 47)]
        sheet.shadow(lapel, blur=0.8, strength=0.3)
        sheet.shape(lapel, shade(colour, 0.1), curved=False, volume=0.12)
        for y in (52, 76, 90):
            sheet.dot(50 + side * 6.4, y, 1.1, "#6b4f2c")
        sheet.line([(50 + side * 21, 74), (50 + side * 14.6, 80)], shade(colour, -0.32), 0.9)
    sheet.line([(51, 48), (50.6, 80), (51, 112)], shade(colour, -0.24), 0.45)
    belt = [(25.6, 62), (74.4, 62), (74.4, 66.6), (25.6, 66.6)]
    sheet.shadow([(30, 62), (70, 62), (70, 67), (30, 67)], blur=0.7, strength=0.3)
    sheet.shape(belt, shade(colour, -0.14), curved=False, volume=0.12)
    sheet.shape([(46.6, 61), (53.4, 61), (53.4, 67.6), (46.6, 67.6)], "#6b4f2c", curved=False, volume=0.3)


def _summer_dress(sheet: Sheet) -> None:
    colour = "#d8573f"
    for side in (-1, 1):
        sheet.line([(50 + side * 9, 30), (50 + side * 8, 20), (50 + side * 6, 15)], colour, 1.7)
    skirt = [(9.4, 29), (14, 35), (12.2, 46), (11.6, 55), (20, 78), (30.4, 106), (18, 110.4), (8, 108.6), (0, 111)]
    outline = [(50, 33.6), *mirrored(skirt)]
    sheet.shadow(outline, strength=0.32)
    sheet.shape(outline, colour)
    sheet.line([(38.6, 55), (50, 56.6), (61.4, 55)], shade(colour, -0.28), 1.0)
    for x, foot in ((43, 34), (47.6, 44), (52.4, 56), (57, 66)):
        sheet.line([(x, 57), ((x + foot) / 2 + 0.4, 80), (foot, 107)], shade(colour, -0.16), 0.5)
    for x, y in ((44, 42), (54, 40), (49, 49), (41, 68), (52, 70), (61, 74), (36, 84), (46, 88), (57, 90), (66, 96)):
        _flower(sheet, x, y)


def _flower(sheet: Sheet, x: float, y: float) -> None:
    for dx, dy in ((0, -1), (0.95, -0.3), (0.6, 0.8), (-0.6, 0.8), (-0.95, -0.3)):
        sheet.dot(x + dx, y + dy, 0.75, "#fbe9d2")
    sheet.dot(x, y, 0.6, "#eeb04b")


def _denim_jacket(sheet: Sheet) -> None:
    colour, thread = "#4a74a3", "#e0b46c"
    short = [(7, 26), (23, 29.6), (26.4, 38), (24.4, 62), (23, 89), (23, 89), (0, 90)]
    _sleeves(sheet, colour, ((18.4, 37), (32.6, 58), (34, 84)), (7.4, 5.4))
    _body(sheet, short, colour)
    sheet.shape([(27, 83), (73, 83), (73, 89.6), (27, 89.6)], shade(colour, -0.1), curved=False)
    sheet.line([(50, 38), (50, 89)], shade(colour, -0.4), 0.5)
    for side in (-1, 1):
        sheet.line([(50 + side * 1.8, 40), (50 + side * 1.8, 88)], thread, 0.22)
        sheet.line([(50 + side * 7, 52), (50 + side * 8.6, 82)], thread, 0.22)
        pocket = [
            (50 + side * 8, 50),
            (50 + side * 19, 50),
            (50 + side * 18.6, 56),
            (50 + side * 13.4, 59),
            (50 + side * 8.2, 56),
        ]
        sheet.shadow(pocket, blur=0.5, strength=0.25)
        sheet.shape(pocket, shade(colour, 0.08), curved=False)
        sheet.dot(50 + side * 13.4, 56.4, 0.8, thread)
        collar = [(50, 39), (50 + side * 7.4, 24), (50 + side * 14, 32), (50 + side * 8, 42)]
        sheet.shadow(collar, blur=0.7, strength=0.3)
        sheet.shape(collar, shade(colour, 0.14), curved=False)
    for y in range(46, 90, 9):
        sheet.dot(50.9, y, 0.95, thread)


def _green_suit(sheet: Sheet) -> None:
    colour = "#2f5d50"
    cut = [(7, 22), (22, 26), (25.6, 35), (21.6, 58), (24.4, 92), (19, 99), (5, 100), (0, 84)]
    _sleeves(sheet, colour, ((18, 33), (30.6, 54), (32, 87)), (6.6, 4.8))
    shirt = mirrored([(9, 22), (8, 40), (0, 62)])
    sheet.shape(shirt, "#f3ede2", volume=0.1)
    _body(sheet, cut, colour)
    sheet.shape(mirrored([(7.4, 21), (6, 36), (0, 56)]), "#f3ede2", volume=0.1)
    for side in (-1, 1):
        lapel = [
            (50 + side * 6, 21),
            (50 + side * 14.6, 31),
            (50 + side * 11, 36),
            (50 + side * 13, 39),
            (50 + side * 0.8, 60),
        ]
        sheet.shadow(lapel, blur=0.8, strength=0.35)
        sheet.shape(lapel, shade(colour, 0.1), curved=False)
        sheet.line([(50 + side * 10, 78), (50 + side * 20.4, 76.6)], shade(colour, -0.4), 1.0)
    sheet.line([(50.6, 60), (50.4, 84)], shade(colour, -0.4), 0.45)
    for y in (66, 75):
        sheet.dot(51.6, y, 1.1, "#c7a35f")


def _straw_hat(sheet: Sheet) -> None:
    brim = mirrored([(0, 58), (27, 63), (36, 73), (24, 83), (0, 86)])
    sheet.shadow(brim, strength=0.35)
    sheet.shape(brim, "#e6c98f", volume=0.14)
    for inset in (4, 8, 12):
        sheet.line([(16 + inset, 73 - inset / 4), (50, 84 - inset / 2), (84 - inset, 73 - inset / 4)], "#cda96a", 0.3)
    sheet.shape(mirrored([(0, 35), (13, 38), (19, 58), (18.6, 70), (0, 74)]), "#ecd29c", volume=0.16)
    sheet.shape(mirrored([(18.6, 60), (18.8, 69.6), (0, 74)]), "#3b3a44", volume=0.14)
    sheet.shape(mirrored([(17.9, 56.4), (18.6, 61), (0, 65.4)]), "#ecd29c", volume=0.14)


def _leather_bag(sheet: Sheet) -> None:
    sheet.line([(33, 62), (36, 34), (50, 27), (64, 34), (67, 62)], "#5d2f1d", 2.2)
    bag = mirrored([(21, 55), (25, 62), (27, 92), (22, 98), (0, 99)])
    sheet.shadow(bag, strength=0.4)
    sheet.shape(bag, "#a65a34", volume=0.2)
    flap = [(24.4, 56), *((x, y) for x, y in ((25, 76), (40, 83), (60, 83), (75, 76))), (75.6, 56), (50, 54)]
    sheet.shadow(flap, blur=0.9, strength=0.35)
    sheet.shape(flap, "#b8683e", volume=0.18)
    sheet.shape([(47, 78), (53, 78), (53, 86), (47, 86)], "#d8b25f", curved=False, volume=0.3)


def _silk_scarf(sheet: Sheet) -> None:
    for tail, colour in (
        ([(40, 48), (53, 50), (50, 96), (33, 94)], "#7b3f6e"),
        ([(48, 50), (60, 48), (68, 88), (52, 91)], "#8d4a7e"),
    ):
        sheet.shadow(tail, strength=0.35)
        sheet.shape(tail, colour, curved=False, volume=0.2, pattern="#e9b9a0")
        (left, foot), (right, _) = tail[3], tail[2]
        for step in range(9):
            x = left + (right - left) * step / 8
            sheet.line([(x, foot), (x + 0.4, foot + 3), (x - 0.2, foot + 6)], shade(colour, 0.15), 0.55)
    loop = limb([(43, 50, 5.0), (31, 36, 6.6), (50, 24, 7.4), (69, 36, 6.6), (57, 50, 5.0)])
    sheet.shadow([(24, 36), (50, 17), (76, 36), (50, 50)], strength=0.2)
    sheet.shape(loop, "#8d4a7e", curved=False, volume=0.22)
    knot = mirrored([(0, 44), (9, 46), (9.6, 53), (7, 58), (0, 59)])
    sheet.shadow(knot, strength=0.4)
    sheet.shape(knot, "#9a558a", volume=0.24)


def _body(sheet: Sheet, half: Sequence[Point], colour: str, *, volume: float = 0.16, pattern: str = "") -> None:
    outline = [(50, half[0][1] + 4), *mirrored(half)]
    sheet.shadow(outline, strength=0.32)
    sheet.shape(outline, colour, volume=volume, pattern=pattern)


def _sleeves(
    sheet: Sheet, colour: str, line: tuple[Point, Point, Point], width: tuple[float, float], *, pattern: str = ""
) -> None:
    radii = (width[0], sum(width) / 2, width[1])
    for side in (-1, 1):
        sleeve = [(50 + side * x, y, radius) for (x, y), radius in zip(line, radii, strict=True)]
        outline = limb(sleeve, cut=True)
        sheet.shadow(outline[::6], strength=0.32)
        sheet.shape(outline, colour, curved=False, pattern=pattern)
        x, y, radius = sleeve[-1]
        sheet.line([(x - radius, y - 3.2), (x, y - 3.0), (x + radius, y - 3.2)], shade(colour, -0.2), 0.35)


GARMENTS: dict[str, tuple[tuple[str, str], Callable[[Sheet], None]]] = {
    "linen shirt": (("#cfdcd2", "#b5c7ba"), _linen_shirt),
    "striped knit": (("#f2dfcf", "#e2c5ad"), _striped_knit),
    "trench coat": (("#dfe5ea", "#c2ccd5"), _trench_coat),
    "summer dress": (("#f8ead6", "#ecd3b0"), _summer_dress),
    "denim jacket": (("#f3ece2", "#dfd2c0"), _denim_jacket),
    "green suit": (("#eee3d5", "#d8c5ad"), _green_suit),
    "straw hat": (("#cfe0e6", "#adc6d0"), _straw_hat),
    "leather bag": (("#efe6da", "#dccab4"), _leather_bag),
    "silk scarf": (("#efe3ea", "#dcc5d4"), _silk_scarf),
}
