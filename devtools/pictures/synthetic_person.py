"""Draw a person that the pose model detects, so that benchmarks and tests need no real photo."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
SKIN, HAIR, SHIRT, TROUSERS, SHOE = (224, 172, 140), (50, 35, 25), (40, 70, 140), (60, 60, 66), (30, 25, 22)
LIPS, WALL, FLOOR = (160, 70, 70), (205, 208, 210), (170, 165, 158)
WIDTH_PX, HEIGHT_PX = 700, 1000
#: Factor between drawn and returned size, for smooth edges.
_OVERSIZE = 2


def shade(colour: Colour, share: float) -> Colour:
    """Return the colour multiplied by `share`: darker below 1."""
    red, green, blue = (int(channel * share) for channel in colour)
    return red, green, blue


class Spot(NamedTuple):
    """A position relative to the top of the head, in heads (an eighth of the stature)."""

    x: float
    y: float

    def towards(self, degrees: float, length: float) -> Spot:
        """Return the position `length` away at an angle of `degrees` from straight down."""
        radians = math.radians(degrees)
        return Spot(self.x + math.sin(radians) * length, self.y + math.cos(radians) * length)


@dataclass(frozen=True)
class Stance:
    """Posture of the person.

    Attributes:
        arms, thighs, shanks: Outward angles of upper arms, upper and lower legs from straight down, degrees.
    """

    arms: float = 20
    thighs: float = 4
    shanks: float = 3


class Figure:
    """A drawing of a person from the front; the unit is a head."""

    def __init__(self, stance: Stance) -> None:
        self._stance = stance
        width, height = WIDTH_PX * _OVERSIZE, HEIGHT_PX * _OVERSIZE
        self.image = Image.new("RGB", (width, height), WALL)
        self._pen = ImageDraw.Draw(self.image)
        self._pen.rectangle((0, int(height * 0.9), width, height), fill=FLOOR)
        self._head, self._left, self._top = height * 0.86 / 8, width / 2, height * 0.06

    def draw(self) -> Image.Image:
        """Draw the person; return an RGB picture of 700 by 1000 pixels."""
        for side in (1, -1):
            self.leg(side)
        self.trunk()
        for side in (1, -1):
            self.arm(side)
        self.limb(Spot(0, 0.9), Spot(0, 1.45), 0.22, 0.28, shade(SKIN, 0.88))
        self.face()
        soft = self.image.filter(ImageFilter.GaussianBlur(2 * _OVERSIZE))
        return soft.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS)

    def leg(self, side: int) -> None:
        """Draw a leg; `side` is 1 for the person's left."""
        stance, colour = self._stance, shade(TROUSERS, 1 if side > 0 else 0.9)
        hip = Spot(side * 0.42, 4.1)
        knee = hip.towards(side * stance.thighs, 1.92)
        ankle = knee.towards(side * stance.shanks, 1.72)
        self.limb(hip, knee, 0.42, 0.27, colour)
        self.limb(knee, ankle, 0.27, 0.16, colour)
        self.disc(Spot(ankle.x + side * 0.1, ankle.y + 0.18), 0.18, 0.18, SHOE)

    def arm(self, side: int) -> None:
        """Draw an arm; `side` is 1 for the person's left."""
        angle = side * self._stance.arms
        shoulder = Spot(side * 0.9, 1.75)
        sleeve, elbow = shoulder.towards(angle, 0.68), shoulder.towards(angle, 1.35)
        wrist, hand = elbow.towards(angle * 0.8, 1.2), elbow.towards(angle * 0.8, 1.55)
        self.limb(shoulder, sleeve, 0.27, 0.24, SHIRT)
        self.limb(sleeve, elbow, 0.2, 0.17, SKIN)
        self.limb(elbow, wrist, 0.17, 0.11, SKIN)
        self.limb(wrist, hand, 0.11, 0.13, SKIN)

    def trunk(self) -> None:
        """Draw the body from the neck to the hips."""
        left = [Spot(-0.82, 4.3), Spot(-0.72, 3.0), Spot(-0.95, 1.6), Spot(-0.3, 1.35)]
        right = [Spot(0.3, 1.35), Spot(0.95, 1.6), Spot(0.72, 3.0), Spot(0.82, 4.3)]
        self.shape([*left, *right], SHIRT)
        self.shape([*right, Spot(0.3, 4.3)], shade(SHIRT, 0.85))

    def face(self) -> None:
        """Draw the head."""
        self.disc(Spot(0, 0.29), 0.4, 0.31, HAIR)
        self.disc(Spot(0, 0.55), 0.37, 0.5, SKIN)
        for side in (1, -1):
            self.disc(Spot(side * 0.37, 0.56), 0.06, 0.12, shade(SKIN, 0.9))
        self._pen.pieslice(self._box(Spot(0, 0.335), 0.39, 0.365), 180, 360, fill=HAIR)
        for side in (1, -1):
            self.disc(Spot(side * 0.15, 0.5), 0.075, 0.035, (250, 250, 250))
            self.disc(Spot(side * 0.15, 0.5), 0.03, 0.03, HAIR)
            self.disc(Spot(side * 0.15, 0.41), 0.09, 0.016, HAIR)
        self.shape([Spot(0, 0.52), Spot(0.07, 0.7), Spot(-0.07, 0.7)], shade(SKIN, 0.85))
        self.disc(Spot(0, 0.83), 0.12, 0.024, LIPS)

    def limb(self, start: Spot, end: Spot, start_radius: float, end_radius: float, colour: Colour) -> None:
        """Draw a thick line with round ends."""
        angle = math.atan2(end.y - start.y, end.x - start.x)
        across = Spot(-math.sin(angle), math.cos(angle))
        ends = ((start, start_radius), (end, end_radius), (end, -end_radius), (start, -start_radius))
        self.shape([Spot(at.x + across.x * radius, at.y + across.y * radius) for at, radius in ends], colour)
        self.disc(start, start_radius, start_radius, colour)
        self.disc(end, end_radius, end_radius, colour)

    def shape(self, corners: list[Spot], colour: Colour) -> None:
        """Draw a polygon."""
        self._pen.polygon([self._place(corner) for corner in corners], fill=colour)

    def disc(self, centre: Spot, across: float, down: float, colour: Colour) -> None:
        """Draw an ellipse."""
        self._pen.ellipse(self._box(centre, across, down), fill=colour)

    def _box(self, centre: Spot, across: float, down: float) -> tuple[float, float, float, float]:
        return (
            *self._place(Spot(centre.x - across, centre.y - down)),
            *self._place(Spot(centre.x + across, centre.y + down)),
        )

    def _place(self, spot: Spot) -> tuple[float, float]:
        return self._left + spot.x * self._head, self._top + spot.y * self._head


def draw_person(stance: Stance | None = None) -> Image.Image:
    """Draw a whole person from the front against a wall, upright by default; RGB, 700 by 1000 pixels."""
    return Figure(stance or Stance()).draw()


def jpeg(image: Image.Image) -> bytes:
    """Encode the picture as JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
