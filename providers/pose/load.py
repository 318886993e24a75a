"""Loads the pose model. MediaPipe is imported here and not earlier: workers never need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.process import keep_freed_memory
from schemas.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

    from providers.pose.base import PoseEstimator


def load_estimator(model: Path) -> PoseEstimator:
    """Load an estimator with the bundle at `model`; blocks for about 0.3 s the first time.

    From then on this process keeps the memory that a picture took: returning it to the system cost 2,776 page faults a
    picture, a sixth of its time.

    Raises:
        Invalid: MediaPipe is not installed, or the bundle is missing or unusable.
    """
    try:
        from providers.pose.mediapipe import MediaPipeEstimator  # noqa: PLC0415 - see the module's docstring
    except ImportError as error:
        raise Invalid("the extra `sizing` is not installed", code="pose_not_installed") from error
    if not model.is_file():
        raise Invalid("there is no pose model: run `python manage.py pose-model`", code="pose_model_missing")
    keep_freed_memory()
    return MediaPipeEstimator(model)
