"""Contract of pose estimators. A test class per estimator inherits this and provides the fixture `estimator`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from devtools.pictures.synthetic_person import draw_person
from providers.pose.base import LANDMARKS
from schemas.errors import Invalid

if TYPE_CHECKING:
    from providers.pose.base import PoseEstimator


class PoseEstimatorContract:
    def test_a_person_has_33_landmarks_on_the_picture_and_in_space(self, estimator: PoseEstimator) -> None:
        [pose] = estimator.detect(np.asarray(draw_person()))

        assert len(pose.image) == len(pose.world) == LANDMARKS
        assert all(0 <= mark.visibility <= 1 for mark in pose.image)

    def test_the_head_is_above_the_feet_and_left_is_on_the_right(self, estimator: PoseEstimator) -> None:
        [pose] = estimator.detect(np.asarray(draw_person()))

        assert pose.image[0].y < pose.image[23].y < pose.image[27].y
        assert pose.world[0].y < pose.world[23].y < pose.world[27].y
        assert pose.image[11].x > pose.image[12].x
        assert pose.world[11].x > pose.world[12].x

    def test_the_same_picture_gives_the_same_pose(self, estimator: PoseEstimator) -> None:
        rgb = np.asarray(draw_person())
        assert estimator.detect(rgb) == estimator.detect(rgb)

    def test_an_array_that_is_not_a_colour_picture_is_refused(self, estimator: PoseEstimator) -> None:
        with pytest.raises(Invalid):
            estimator.detect(np.zeros((10, 10), dtype=np.uint8))
