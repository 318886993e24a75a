from __future__ import annotations

import numpy as np
import pytest

from providers.pose.fake import FakeEstimator, standing_pose
from tests.contracts.pose_estimator import PoseEstimatorContract


class TestFakeEstimator(PoseEstimatorContract):
    @pytest.fixture
    def estimator(self) -> FakeEstimator:
        return FakeEstimator()


def test_it_returns_the_given_people() -> None:
    picture = np.zeros((8, 8, 3), dtype=np.uint8)

    assert FakeEstimator(()).detect(picture) == ()
    assert FakeEstimator((standing_pose(0.3), standing_pose(0.7))).detect(picture)[1] == standing_pose(0.7)


def test_the_standing_person_is_symmetrical() -> None:
    marks = standing_pose().image
    for left, right in ((1, 4), (3, 6), (7, 8), (11, 12), (15, 16), (21, 22), (27, 28), (31, 32)):
        assert marks[left].x - 0.5 == pytest.approx(0.5 - marks[right].x)
        assert marks[left].y == marks[right].y
