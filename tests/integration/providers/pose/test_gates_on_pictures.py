"""Every gate on real pixels: drawn people, and photos if they lie next to the repository."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from devtools.pictures.synthetic_person import Stance, draw_person, jpeg
from pipelines.images.pixels import decode_pixels as decode
from pipelines.sizing import SizingRefused, recommend
from providers.pose.base import Detection
from providers.pose.mediapipe import MediaPipeEstimator
from schemas.gates import Gate
from schemas.sizing import Facts, Sex, SizeAnswer
from tests.integration.providers.pose.drawn import FromBehind, FromTheSide, empty_picture, far_away, lunging, two_people
from tests.integration.providers.pose.model import ROOT, installed_model

PHOTOS = ROOT.parent / "shared" / "photos"
MAN = Facts(height_cm=175, weight_kg=75, sex=Sex.MALE)


@pytest.fixture(scope="module")
def estimator() -> Iterator[MediaPipeEstimator]:
    loaded = MediaPipeEstimator(installed_model())
    yield loaded
    loaded.close()


def sized(estimator: MediaPipeEstimator, data: bytes) -> SizeAnswer:
    picture = decode(data)
    height, width = picture.rgb.shape[:2]
    poses = estimator.detect(picture.rgb)
    return recommend(Detection(width, height, picture.original_width, picture.original_height, poses), MAN)


def gate_of(estimator: MediaPipeEstimator, data: bytes) -> Gate:
    with pytest.raises(SizingRefused) as refusal:
        sized(estimator, data)
    return refusal.value.gate


DRAWN: dict[str, tuple[Image.Image, Gate]] = {
    "tiny": (draw_person().resize((140, 200)), Gate.IMAGE_TOO_SMALL),
    "empty_picture": (empty_picture(), Gate.NO_PERSON),
    "far away": (far_away(180), Gate.PERSON_TOO_SMALL),
    "cut at the hips": (draw_person().crop((0, 0, 700, 620)), Gate.BODY_CROPPED),
    "two people": (two_people(), Gate.MULTIPLE_PEOPLE),
    "leaning": (draw_person().rotate(20, expand=True, fillcolor=(205, 208, 210)), Gate.NOT_UPRIGHT),
    "on its side": (draw_person().rotate(90, expand=True), Gate.NOT_UPRIGHT),
    "on its head": (draw_person().rotate(180), Gate.NOT_UPRIGHT),
    "lunging": (lunging(), Gate.NOT_STANDING),
    "from the side": (FromTheSide(Stance()).draw(), Gate.NOT_FRONTAL),
    "from behind": (FromBehind(Stance()).draw(), Gate.BACK_VIEW),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawn_person_triggers_the_gate(estimator: MediaPipeEstimator, name: str) -> None:
    image, gate = DRAWN[name]
    assert gate_of(estimator, jpeg(image)) is gate


def test_every_picture_gate_is_covered() -> None:
    assert {gate for _, gate in DRAWN.values()} == set(Gate) - {Gate.HEIGHT_OUT_OF_RANGE, Gate.WEIGHT_OUT_OF_RANGE}


def test_a_whole_drawn_person_passes(estimator: MediaPipeEstimator) -> None:
    answer = sized(estimator, jpeg(draw_person()))

    assert answer.recommended_size == "M"
    assert answer.warnings == ()
    assert 35 < answer.measurements.shoulder_cm < 50


def test_raised_arms_and_a_small_person_are_noted(estimator: MediaPipeEstimator) -> None:
    raised = sized(estimator, jpeg(draw_person(Stance(arms=160))))
    small = sized(estimator, jpeg(far_away(230)))

    assert [warning.code for warning in raised.warnings] == ["ARMS_RAISED"]
    assert [warning.code for warning in small.warnings] == ["LOW_QUALITY"]


PHOTOGRAPHED: dict[str, Gate | tuple[str, ...]] = {
    "01_standing_apose.jpg": (),
    "02_standing_portrait_crop.jpg": (),
    "04_standing_arms_up.jpg": ("ARMS_RAISED",),
    "05_lunge.jpg": Gate.NOT_STANDING,
    "13_apollo11_three_sitting.jpg": Gate.MULTIPLE_PEOPLE,
    "14_waist_up_portrait.jpg": Gate.BODY_CROPPED,
    "D2_crop_knees.jpg": Gate.BODY_CROPPED,
    "D5_tiny_120px.jpg": Gate.IMAGE_TOO_SMALL,
    "D8_rot90.jpg": Gate.NOT_UPRIGHT,
}


@pytest.mark.parametrize("name", PHOTOGRAPHED)
def test_a_photographed_person_triggers_the_gate_or_passes(estimator: MediaPipeEstimator, name: str) -> None:
    if not PHOTOS.is_dir():
        pytest.skip("NO PHOTOS BESIDE THE REPOSITORY: the drawn people alone stand for them")
    expected, data = PHOTOGRAPHED[name], (PHOTOS / name).read_bytes()
    if isinstance(expected, Gate):
        assert gate_of(estimator, data) is expected
    else:
        assert tuple(warning.code for warning in sized(estimator, data).warnings) == expected


def test_the_exif_orientation_of_a_phone_photo_is_applied(estimator: MediaPipeEstimator) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    draw_person().rotate(90, expand=True).save(buffer, "JPEG", exif=exif)

    assert sized(estimator, buffer.getvalue()).recommended_size == "M"
