"""The pose estimator port: where the joints of people are in a picture."""

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
        x, y: From 0 (left, top) to 1 (right, bottom) of the picture; beyond that for points estimated outside of it.
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
    """The poses in a picture.

    Attributes:
        width, height: Of the picture that the model was given, upright, in pixels.
        original_width, original_height: Of the picture before scaling, upright, in pixels.
        poses: At most 4 people, in the model's order.
    """

    width: int
    height: int
    original_width: int
    original_height: int
    poses: tuple[Pose, ...]


class PoseEstimator(Protocol):
    """Finds people in a picture. Serves one call at a time: callers keep one estimator per thread."""

    def detect(self, rgb: NDArray[np.uint8]) -> tuple[Pose, ...]:
        """Return the people in an (h, w, 3) uint8 sRGB picture, at most 4, possibly none.

        Raises:
            Invalid: The model failed on the picture.
        """

    def close(self) -> None:
        """Release the model. The estimator can't be used afterwards."""
