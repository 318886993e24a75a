"""An estimator without a model: it finds the same given poses in every picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.pose.base import Landmark, Pose, WorldLandmark
from schemas.errors import Invalid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The left half of a person who stands upright and faces the camera: x from the body's middle, y from the top of a
#: square picture. The right half differs in the sign of x.
_NOSE = (0.0, 0.14)
_PAIRS = (
    (0.010, 0.12), (0.017, 0.12), (0.024, 0.12), (0.035, 0.135), (0.013, 0.165), (0.085, 0.24), (0.115, 0.37),
    (0.135, 0.49), (0.14, 0.53), (0.135, 0.54), (0.13, 0.52), (0.055, 0.50), (0.055, 0.69), (0.055, 0.87),
    (0.05, 0.90), (0.065, 0.93),
)  # fmt: skip


def standing_pose(centre_x: float = 0.5) -> Pose:
    """Return one whole, upright, frontal person in a square picture, the middle of the body at `centre_x`."""
    points = [_NOSE, *_face(), *(point for pair in _PAIRS[5:] for point in _mirrored(pair))]
    return Pose(
        tuple(Landmark(centre_x + x, y, 0.99) for x, y in points),
        tuple(WorldLandmark(1.75 * x, 1.75 * (y - 0.5), 0.0) for x, y in points),
    )


def _face() -> list[tuple[float, float]]:
    """Return eyes (three landmarks each, left first), ears and corners of the mouth."""
    left_eye, right_eye = _PAIRS[:3], [(-x, y) for x, y in _PAIRS[:3]]
    return [*left_eye, *right_eye, *_mirrored(_PAIRS[3]), *_mirrored(_PAIRS[4])]


def _mirrored(point: tuple[float, float]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the left landmark, which is on the right of the picture, and the right one."""
    return point, (-point[0], point[1])


class FakeEstimator:
    """Finds `poses` in every picture."""

    def __init__(self, poses: tuple[Pose, ...] | None = None) -> None:
        """Find `poses`, or one standing person."""
        self.poses = (standing_pose(),) if poses is None else poses
        self.closed = False

    def detect(self, rgb: NDArray[np.uint8]) -> tuple[Pose, ...]:
        """See `PoseEstimator.detect`."""
        if rgb.ndim != 3 or rgb.shape[2] != 3:  # noqa: PLR2004 - height, width and three channels
            raise Invalid("not an (h, w, 3) picture", code="pose_failed")
        return self.poses

    def close(self) -> None:
        """See `PoseEstimator.close`."""
        self.closed = True
