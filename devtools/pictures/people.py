"""Fictional people for the demo, drawn as fashion sketches, so that no real photos are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from devtools.pictures.curves import Joint, Point, arch, limb, mirrored
from devtools.pictures.hair import behind, in_front
from devtools.pictures.sheet import Sheet, shade

if TYPE_CHECKING:
    from pathlib import Path

SIZE_PX = (1000, 1500)


@dataclass(frozen=True, slots=True)
class Person:
    """Appearance and posture of a person.

    Attributes:
        wall: Colours of the backdrop: top, bottom and arch.
        width: Width of the body; 1 is average.
        arms: Elbow and hand of the right and the left arm; x counts from the centre line.
    """

    name: str
    skin: str
    hair: str
    style: str
    top: str
    trousers: str
    shoes: str
    wall: tuple[str, str, str]
    width: float = 1.0
    arms: tuple[tuple[Point, Point], tuple[Point, Point]] = (((15.4, 60), (16.6, 78)), ((15.4, 60), (16.6, 78)))


HAND_ON_HIP = ((19.5, 59), (11.2, 68.5))
RELAXED = ((15.2, 60), (16.2, 78))
APART = ((17.2, 59), (21.0, 75))

PEOPLE = (
    Person(
        "Mara", "#c98f6b", "#3a231b", "long", "#f4efe6", "#3d4f63", "#f7f3ec",
        ("#f3dccb", "#e3b79b", "#d9987a"), 0.96, (RELAXED, HAND_ON_HIP),
    ),
    Person(
        "Theo", "#efc9a8", "#8a5a35", "short", "#dfe5e8", "#57534f", "#3b302a",
        ("#dbe6e4", "#a9c3c0", "#7fa5a3"), 1.1, (APART, RELAXED),
    ),
    Person(
        "Amina", "#7c4a30", "#1d1412", "curls", "#f2d9a6", "#2f3b36", "#ece4d8",
        ("#f5e7c4", "#e4c27e", "#d3a24f"), 1.04, (HAND_ON_HIP, RELAXED),
    ),
    Person(
        "Jun", "#e6bd96", "#201c22", "bun", "#e9e4f0", "#6b6f86", "#2b2930",
        ("#e6e1ef", "#bcb3d2", "#978cb8"), 0.98, (APART, APART),
    ),
)  # fmt: skip


def draw(person: Person, path: Path) -> None:
    """Draw a full-length picture and write it as JPEG."""
    sheet = Sheet(*SIZE_PX, person.wall[0], person.wall[1])
    _studio(sheet, person)
    behind(sheet, person.style, person.hair)
    _legs(sheet, person)
    for side, (elbow, hand) in zip((1, -1), person.arms, strict=True):
        _arm(sheet, person, side, elbow, hand)
    _torso(sheet, person)
    _head(sheet, person)
    in_front(sheet, person.style, person.hair)
    sheet.save(path)


def _studio(sheet: Sheet, person: Person) -> None:
    sheet.shape(arch(62, 8, 140), person.wall[2], curved=False, volume=0.1)
    floor = [(0, 134.5), (0, 134.5), (100, 134.5), (100, 134.5), (100, 150), (100, 150), (0, 150), (0, 150)]
    sheet.shape(floor, person.wall[1], curved=False, volume=0.05)
    sheet.shadow(mirrored([(0, 138.6), (19, 140.4), (0, 142.6)]), blur=2.4, drop=(2.4, 0.4), strength=0.5)


def _legs(sheet: Sheet, person: Person) -> None:
    wide = person.width
    for side in (-1, 1):
        ankle = 50 + side * 5.4 * wide
        shoe = [
            (ankle - 2.6, 135.5),
            (ankle + 2.6, 135.5),
            (ankle + 3.2 + side * 0.9, 141),
            (ankle - 3.2 + side * 0.9, 141),
        ]
        sheet.shape(shoe, person.shoes, volume=0.14)
        leg: list[Joint] = [
            (50 + side * 5.7 * wide, 74, 5.5 * wide), (50 + side * 5.9 * wide, 86, 5.4 * wide),
            (50 + side * 5.8 * wide, 107, 4.0 * wide), (ankle, 134.6, 3.1 * wide),
        ]  # fmt: skip
        sheet.shape(limb(leg), person.trousers, curved=False, volume=0.15)
    sheet.line([(50, 84), (50.2, 80), (50, 72)], shade(person.trousers, -0.32), 0.3)


def _arm(sheet: Sheet, person: Person, side: int, elbow: Point, hand: Point) -> None:
    wide = person.width
    shoulder = (50 + side * 11.2 * wide, 43.5)
    at = [(50 + side * x * wide, y) for x, y in (elbow, hand)]
    arm: list[Joint] = [(*shoulder, 3.1 * wide), (*at[0], 2.35 * wide), (*at[1], 1.7)]
    fingers: list[Joint] = [(*at[1], 1.75), (at[1][0] + (at[1][0] - at[0][0]) * 0.14, at[1][1] + 3.6, 1.5)]
    sheet.shape(limb(fingers), person.skin, curved=False, volume=0.1)
    sheet.shape(limb(arm), person.skin, curved=False, volume=0.13)


def _torso(sheet: Sheet, person: Person) -> None:
    wide = person.width
    half = [(3.4, 38.6), (11.6, 41), (13.2, 44.6), (11.2, 49), (9.6, 53), (8.5, 62), (10.8, 71), (11.5, 77), (0, 78)]
    sheet.shape(limb([(50, 31, 2.7), (50, 40, 3.1)]), person.skin, curved=False, volume=0.1)
    sheet.shape(mirrored([(2.7, 33), (2.6, 36.4), (0, 38.2)]), shade(person.skin, -0.16), volume=0.05)
    body = mirrored([(x * wide, y) for x, y in half])
    sheet.shape([(50, 38.8), *body], person.top, volume=0.13)
    neckline = mirrored([(4.4, 38.2), (3.0, 41.6), (0, 43)])
    sheet.shape(neckline, person.skin, volume=0.06)
    for side in (-1, 1):
        sheet.line(
            [(50 + side * 10.9 * wide, 47), (50 + side * 9.4 * wide, 53), (50 + side * 8.3 * wide, 61)],
            shade(person.top, -0.16), 0.35,
        )  # fmt: skip


def _head(sheet: Sheet, person: Person) -> None:
    sheet.shape(mirrored([(0, 18.6), (5.0, 21.2), (5.6, 26.6), (3.9, 32.2), (0, 34.6)]), person.skin, volume=0.1)
    ink = shade(person.skin, -0.55)
    for side in (-1, 1):
        sheet.line([(50 + side * 3.4, 26.5), (50 + side * 2.4, 27.1), (50 + side * 1.4, 26.6)], ink, 0.3)
        sheet.line(
            [(50 + side * 3.7, 24.7), (50 + side * 2.4, 24.1), (50 + side * 1.4, 24.5)], shade(person.hair, 0.1), 0.35
        )
        sheet.dot(50 + side * 3.6, 29.2, 0.85, shade(person.skin, 0.12))
    sheet.line([(50.2, 27), (50.6, 29.2), (49.8, 29.4)], shade(person.skin, -0.25), 0.25)
    sheet.line([(48.7, 31.2), (50, 31.8), (51.4, 31.1)], shade(person.skin, -0.4), 0.38)
