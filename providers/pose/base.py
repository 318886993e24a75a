"""The pose model: where a person's joints are in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: How many landmarks a pose has; their meaning is in `pipelines.sizing.joints`.
LANDMARKS = 33


class Landmark(NamedTuple):
    """One point of a body.

    Attributes:
        x, y: From 0 (left, top) to 1 (right, bottom) of the picture; beyond that where the model believes it outside.
        visibility: The probability that the point is in the picture and not hidden.
    """

    x: float
    y: float
    visibility: float


class WorldLandmark(NamedTuple):
    """The same point in metres from the middle of the hips: x to the right, y down, z away from the camera."""

    x: float
    y: float
    z: float


@dataclass(frozen=True, slots=True)
class Pose:
    """One person: 33 landmarks on the picture and the same 33 in space."""

    image: tuple[Landmark, ...]
    world: tuple[WorldLandmark, ...]


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found in a picture.

    Attributes:
        width, height: Of the picture the model saw, upright, in pixels.
        original_width, original_height: Of the picture as it came, upright, in pixels.
        poses: At most 4 people, in the model's order.
    """

    width: int
    height: int
    original_width: int
    original_height: int
    poses: tuple[Pose, ...]


class PoseEstimator(Protocol):
    """Finds people in a picture. One call at a time: callers keep one estimator per thread."""

    def detect(self, rgb: NDArray[np.uint8]) -> tuple[Pose, ...]:
        """The people in an (h, w, 3) uint8 sRGB picture, at most 4; none is an empty tuple.

        Raises:
            Invalid: The model could not work with the picture.
        """

    def close(self) -> None:
        """Give back the model's memory. No call follows."""
