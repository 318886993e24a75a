from __future__ import annotations

import math

import pytest

from pipelines.sizing.errors import SizingRefused
from pipelines.sizing.gates import check_photo
from pipelines.sizing.limits import check_facts
from providers.pose.base import Detection, Pose
from providers.pose.fake import standing_pose
from schemas.gates import SENTENCES, TURN_THE_PICTURE, Gate
from schemas.sizing import Facts
from tests.unit.pipelines.sizing.bodies import detection, moved, placed, turned, with_visibility

STANDING = standing_pose()


def refused(detection: Detection) -> SizingRefused:
    with pytest.raises(SizingRefused) as refusal:
        check_photo(detection)
    return refusal.value


def leaning(degrees: float) -> Pose:
    sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return moved(
        STANDING,
        lambda mark: (
            0.5 + cos * (mark.x - 0.5) - sin * (mark.y - 0.5),
            0.5 + sin * (mark.x - 0.5) + cos * (mark.y - 0.5),
        ),
    )


def smaller(share: float, centre_x: float) -> Pose:
    return moved(STANDING, lambda mark: (centre_x + share * (mark.x - 0.5), 0.9 + share * (mark.y - 0.9)))


def test_a_whole_upright_frontal_person_passes() -> None:
    assert check_photo(detection()).body.pose == STANDING


@pytest.mark.parametrize("height", [139.9, 210.1, 0, -5])
def test_a_height_beyond_the_survey_is_refused(height: float) -> None:
    with pytest.raises(SizingRefused) as refusal:
        check_facts(Facts(height_cm=height))
    assert refusal.value.gate is Gate.HEIGHT_OUT_OF_RANGE


@pytest.mark.parametrize(("height", "weight"), [(175, 34.9), (175, 180.1), (200, 59), (140, 99)])
def test_a_weight_beyond_the_survey_or_the_height_is_refused(height: float, weight: float) -> None:
    with pytest.raises(SizingRefused) as refusal:
        check_facts(Facts(height_cm=height, weight_kg=weight))
    assert refusal.value.gate is Gate.WEIGHT_OUT_OF_RANGE


@pytest.mark.parametrize(("height", "weight"), [(140, 35), (210, 180), (175, None)])
def test_the_limits_themselves_are_within(height: float, weight: float | None) -> None:
    check_facts(Facts(height_cm=height, weight_kg=weight))


@pytest.mark.parametrize(("width", "height"), [(199, 1000), (1000, 199), (299, 299)])
def test_a_small_picture_is_refused(width: int, height: int) -> None:
    assert refused(detection(width=width, height=height)).gate is Gate.IMAGE_TOO_SMALL


def test_the_original_size_of_the_picture_counts() -> None:
    assert refused(Detection(1280, 300, 640, 150, (STANDING,))).gate is Gate.IMAGE_TOO_SMALL


def test_a_picture_without_a_person_is_refused() -> None:
    refusal = refused(Detection(1000, 1000, 1000, 1000, ()))

    assert refusal.gate is Gate.NO_PERSON
    assert refusal.landmark_visibility is None


def test_a_person_far_away_is_refused() -> None:
    assert refused(detection(smaller(0.2, 0.5))).gate is Gate.PERSON_TOO_SMALL


@pytest.mark.parametrize("joint", [11, 12, 23, 24, 25, 26, 27, 28])
def test_each_hidden_joint_is_refused(joint: int) -> None:
    refusal = refused(detection(with_visibility(STANDING, joint, 0.49)))

    assert refusal.gate is Gate.BODY_CROPPED
    assert refusal.landmark_visibility is not None
    assert min(refusal.landmark_visibility.values()) == 0.49


def test_a_hidden_wrist_is_accepted() -> None:
    check_photo(detection(with_visibility(STANDING, 15, 0.0)))


@pytest.mark.parametrize("place", [{"m27": (0.55, 0.991)}, {"m31": (0.56, 1.01)}, {"m0": (0.5, -0.01)}])
def test_an_ankle_a_foot_or_a_face_beyond_the_edge_is_refused(place: dict[str, tuple[float, float]]) -> None:
    assert refused(detection(placed(STANDING, **place))).gate is Gate.BODY_CROPPED


def test_a_second_person_is_refused_in_either_order() -> None:
    assert refused(detection(STANDING, smaller(0.6, 0.8))).gate is Gate.MULTIPLE_PEOPLE
    assert refused(detection(smaller(0.6, 0.8), STANDING)).gate is Gate.MULTIPLE_PEOPLE


def test_a_much_smaller_person_in_the_background_is_not_refused() -> None:
    check_photo(detection(STANDING, smaller(0.4, 0.8)))


def test_a_person_detected_twice_counts_once() -> None:
    check_photo(detection(STANDING, moved(STANDING, lambda mark: (mark.x + 0.02, mark.y))))


@pytest.mark.parametrize("degrees", [16, -16, 40])
def test_a_leaning_person_is_asked_to_stand_straight(degrees: float) -> None:
    refusal = refused(detection(leaning(degrees)))

    assert refusal.gate is Gate.NOT_UPRIGHT
    assert refusal.public_message == SENTENCES[Gate.NOT_UPRIGHT]


def test_a_slight_lean_passes() -> None:
    check_photo(detection(leaning(14)))


@pytest.mark.parametrize("degrees", [90, -90, 180])
def test_a_picture_on_its_side_or_upside_down_is_asked_to_be_turned(degrees: float) -> None:
    refusal = refused(detection(leaning(degrees)))

    assert refusal.gate is Gate.NOT_UPRIGHT
    assert refusal.public_message == TURN_THE_PICTURE


@pytest.mark.parametrize(
    "slots",
    [
        {"m25": (0.70, 0.65)},  # a knee out to the side
        {"m25": (0.72, 0.55), "m27": (0.95, 0.60), "m26": (0.28, 0.55), "m28": (0.05, 0.60)},
    ],
)
def test_bent_legs_are_refused(slots: dict[str, tuple[float, float]]) -> None:
    assert refused(detection(placed(STANDING, **slots))).gate is Gate.NOT_STANDING


def test_legs_towards_the_camera_are_refused() -> None:
    sitting = placed(STANDING, m23=(0.555, 0.62), m24=(0.445, 0.62), m25=(0.56, 0.70), m26=(0.44, 0.70))
    assert refused(detection(sitting)).gate is Gate.NOT_STANDING


def test_a_turned_body_is_refused_and_a_slight_turn_is_not() -> None:
    breadth = STANDING.world[11].x - STANDING.world[12].x
    assert refused(detection(turned(STANDING, breadth * math.tan(math.radians(26))))).gate is Gate.NOT_FRONTAL
    check_photo(detection(turned(STANDING, breadth * math.tan(math.radians(24)))))


def test_a_back_is_refused() -> None:
    mirrored = moved(STANDING, lambda mark: (1 - mark.x, mark.y))
    assert refused(detection(mirrored)).gate is Gate.BACK_VIEW


def test_several_cropped_people_are_refused_as_several_people() -> None:
    near = moved(STANDING, lambda mark: (mark.x - 0.2, mark.y + 0.3))
    assert refused(detection(near, moved(near, lambda mark: (mark.x + 0.4, mark.y)))).gate is Gate.MULTIPLE_PEOPLE


def test_a_raised_foot_is_not_standing_on_both_feet_even_where_it_hides_a_joint() -> None:
    tree = with_visibility(placed(STANDING, m25=(0.70, 0.62), m27=(0.58, 0.66), m31=(0.57, 0.69)), 27, 0.2)
    refusal = refused(detection(tree))

    assert refusal.gate is Gate.NOT_STANDING
    assert "both feet" in refusal.public_message


def test_a_side_squat_is_bent_legs_rather_than_a_crooked_camera() -> None:
    squat = placed(leaning(17), m25=(0.72, 0.60), m27=(0.60, 0.87))
    assert refused(detection(squat)).gate is Gate.NOT_STANDING


def test_the_first_gate_in_order_is_reported() -> None:
    hidden_and_far = with_visibility(smaller(0.2, 0.5), 11, 0.1)
    assert refused(detection(hidden_and_far)).gate is Gate.PERSON_TOO_SMALL


def test_every_gate_has_a_message() -> None:
    assert set(SENTENCES) == set(Gate)
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


def test_a_refusal_is_machine_readable() -> None:
    refusal = refused(detection(with_visibility(STANDING, 27, 0.2)))

    assert refusal.error_code == "BODY_CROPPED"
    assert refusal.status == 422
    assert refusal.members["message"] == refusal.public_message
    assert refusal.members["landmark_visibility"]["left_ankle"] == 0.2
