from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from devtools.pictures.synthetic_person import draw_person
from providers.pose.load import load_estimator
from providers.pose.mediapipe import MediaPipeEstimator
from schemas.errors import Invalid
from tests.contracts.pose_estimator import PoseEstimatorContract
from tests.integration.providers.pose.drawn import empty_picture, two_people
from tests.integration.providers.pose.model import installed_model


@pytest.fixture(scope="module")
def loaded() -> Iterator[MediaPipeEstimator]:
    estimator = MediaPipeEstimator(installed_model())
    yield estimator
    estimator.close()


class TestMediaPipeEstimator(PoseEstimatorContract):
    @pytest.fixture
    def estimator(self, loaded: MediaPipeEstimator) -> MediaPipeEstimator:
        return loaded


def test_no_person_and_two_people_are_detected_as_such(loaded: MediaPipeEstimator) -> None:
    assert len(loaded.detect(np.asarray(empty_picture()))) == 0
    assert len(loaded.detect(np.asarray(two_people()))) == 2


def test_the_landmarks_are_where_the_joints_were_drawn(loaded: MediaPipeEstimator) -> None:
    [pose] = loaded.detect(np.asarray(draw_person()))

    # The figure's ankles are 7.74 heads of 107.5 px below the top of its head at 60 px.
    assert pose.image[27].y == pytest.approx((60 + 7.74 * 107.5) / 1000, abs=0.03)
    assert (pose.image[11].x + pose.image[12].x) / 2 == pytest.approx(0.5, abs=0.02)


def test_the_error_of_a_missing_model_explains_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"manage\.py pose-model"):
        load_estimator(tmp_path / "none.task")


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "model.task"
    damaged.write_bytes(b"not a bundle")
    with pytest.raises(Invalid, match="can't use"):
        load_estimator(damaged)
