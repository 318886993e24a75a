"""The pose estimator that ships: MediaPipe's pose landmarker, model `full`, through its Tasks API."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import mediapipe as mp
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import PoseLandmarker, PoseLandmarkerOptions

from providers.pose import native_log
from providers.pose.base import Landmark, Pose, WorldLandmark
from schemas.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

#: More than one, so that a second person is detected.
MAX_POSES = 4
#: Lower than the library's 0.5: the gates refuse unusable poses, with a reason.
MIN_DETECTION_CONFIDENCE = 0.3


class MediaPipeEstimator:
    """One landmarker: about 80 MB, 20 to 30 ms of one core per picture, the interpreter lock released meanwhile."""

    def __init__(self, model: Path) -> None:
        """Load the bundle at `model`.

        Raises:
            Invalid: MediaPipe can't use it.
        """
        options = PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model)),
            num_poses=MAX_POSES,
            min_pose_detection_confidence=MIN_DETECTION_CONFIDENCE,
        )
        #: Whether both models have run, which is when a person was detected: no notices are written after that.
        self._settled = False
        try:
            with native_log.NATIVE_LOG.filtered():
                self._landmarker = PoseLandmarker.create_from_options(options)
        except (ValueError, RuntimeError, OSError) as error:
            raise Invalid("MediaPipe can't use the pose model", code="pose_model_unusable") from error

    def detect(self, rgb: NDArray[np.uint8]) -> tuple[Pose, ...]:
        """See `PoseEstimator.detect`."""
        try:
            with contextlib.nullcontext() if self._settled else native_log.NATIVE_LOG.filtered():
                found = self._landmarker.detect(mp.Image(mp.ImageFormat.SRGB, rgb))
        except (ValueError, RuntimeError) as error:
            raise Invalid("MediaPipe failed on a picture", code="pose_failed") from error
        self._settled = self._settled or bool(found.pose_landmarks)
        return tuple(
            Pose(
                tuple(Landmark(mark.x, mark.y, mark.visibility) for mark in image),
                tuple(WorldLandmark(mark.x, mark.y, mark.z) for mark in world),
            )
            for image, world in zip(found.pose_landmarks, found.pose_world_landmarks, strict=True)
        )

    def close(self) -> None:
        """See `PoseEstimator.close`."""
        self._landmarker.close()
