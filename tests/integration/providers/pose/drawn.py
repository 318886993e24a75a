"""People drawn in other ways than the usual one: from the side, from behind, several, too far away."""

from __future__ import annotations

from PIL import Image

from devtools.pictures.synthetic_person import (
    HAIR,
    LIPS,
    SHIRT,
    SHOE,
    SKIN,
    TROUSERS,
    WALL,
    Figure,
    Spot,
    Stance,
    draw_person,
    shade,
)


class FromTheSide(Figure):
    """Turned by about 45 degrees to the left of the picture's viewer."""

    def leg(self, side: int) -> None:
        colour = shade(TROUSERS, 1 if side > 0 else 0.8)
        hip = Spot(side * 0.12, 4.1)
        knee, ankle = Spot(hip.x, 6.02), Spot(hip.x, 7.74)
        self.limb(hip, knee, 0.42, 0.27, colour)
        self.limb(knee, ankle, 0.27, 0.16, colour)
        foot = [(-0.2, 0.0), (0.15, 0.0), (0.55, 0.3), (-0.2, 0.3)]
        self.shape([Spot(ankle.x + x, ankle.y + y) for x, y in foot], SHOE)

    def arm(self, side: int) -> None:
        shoulder = Spot(side * 0.495, 1.75)
        sleeve, elbow = shoulder.towards(-4, 0.68), shoulder.towards(-4, 1.35)
        wrist, hand = elbow.towards(8, 1.2), elbow.towards(8, 1.5)
        self.limb(shoulder, sleeve, 0.25, 0.23, shade(SHIRT, 0.8 if side > 0 else 0.9))
        self.limb(sleeve, elbow, 0.2, 0.17, SKIN)
        self.limb(elbow, wrist, 0.17, 0.11, SKIN)
        self.limb(wrist, hand, 0.11, 0.13, SKIN)

    def trunk(self) -> None:
        front = [(0.2, 1.35), (0.55, 1.75), (0.6325, 2.4), (0.55, 3.1), (0.55, 4.3)]
        behind = [(-0.6325, 4.3), (-0.44, 3.0), (-0.605, 2.2), (-0.55, 1.6), (-0.2, 1.35)]
        self.shape([Spot(x, y) for x, y in [*front, *behind]], SHIRT)

    def face(self) -> None:
        self.disc(Spot(-0.08, 0.4), 0.45, 0.42, HAIR)
        self.disc(Spot(0.1, 0.55), 0.33, 0.48, SKIN)
        self.shape([Spot(0.40, 0.45), Spot(0.55, 0.68), Spot(0.40, 0.7)], SKIN)
        self.disc(Spot(0.3, 0.5), 0.05, 0.035, (250, 250, 250))
        self.disc(Spot(0.32, 0.5), 0.025, 0.03, HAIR)
        self.disc(Spot(0.3, 0.41), 0.07, 0.016, HAIR)
        self.disc(Spot(-0.05, 0.56), 0.08, 0.12, shade(SKIN, 0.85))
        self.disc(Spot(0.36, 0.83), 0.07, 0.02, LIPS)


class FromBehind(Figure):
    """Long hair, heels, the seat of the trousers."""

    def face(self) -> None:
        self.disc(Spot(0, 0.5), 0.44, 0.55, HAIR)
        self.disc(Spot(0, 0.95), 0.4, 0.5, HAIR)

    def leg(self, side: int) -> None:
        super().leg(side)
        ankle = Spot(side * 0.42, 4.1).towards(side * 4, 1.92).towards(side * 3, 1.72)
        self.disc(Spot(ankle.x, ankle.y + 0.1), 0.16, 0.28, SHOE)
        self.disc(Spot(side * 0.36, 4.25), 0.38, 0.42, shade(TROUSERS, 1.15))


def two_people() -> Image.Image:
    person = draw_person()
    both = Image.new("RGB", (1160, 1000), WALL)
    both.paste(person.crop((60, 0, 640, 1000)), (0, 0))
    both.paste(person.crop((60, 0, 640, 1000)), (580, 0))
    return both


def far_away(stature_px: int) -> Image.Image:
    """A person of that stature before a wall of 400 by 400 pixels."""
    wall = Image.new("RGB", (400, 400), WALL)
    height = round(stature_px / 0.86)
    wall.paste(draw_person().resize((round(height * 0.7), height)), (100, 50))
    return wall


def lunging() -> Image.Image:
    return draw_person(Stance(thighs=60, shanks=-60))


def empty_picture() -> Image.Image:
    return Image.new("RGB", (700, 1000), WALL)
