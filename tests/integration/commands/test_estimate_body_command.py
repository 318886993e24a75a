from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from commands.estimate_body import estimate_body
from devtools.pictures.synthetic_person import draw_person, jpeg
from settings import Settings
from tests.integration.providers.pose.drawn import empty_picture
from tests.integration.providers.pose.model import ROOT, installed_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings() -> Settings:
    installed_model()
    return Settings(data_dir=ROOT / "var", pose_model_path=None, pose_model_url=None, pose_model_sha256=None)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "me.jpg"
    path.write_bytes(jpeg(draw_person()))
    return path


def test_a_local_photo_gives_the_same_answer_as_over_http(settings: Settings, photo: Path) -> None:
    outcome = estimate_body(settings, photo, height_cm=175, weight_kg=75, sex="male", age=None)

    assert outcome.ok
    assert outcome.data["recommended_size"] == "M"
    assert outcome.data["measurements"]["chest_cm"] == 99.6
    assert outcome.data["size_range"] == {"lower": "M", "upper": "L"}
    assert "landmarks" not in outcome.data


def test_the_output_shows_probabilities_intervals_and_advice(settings: Settings, photo: Path) -> None:
    console = Console(width=120)
    with console.capture() as seen:
        console.print(estimate_body(settings, photo, height_cm=175, sex="male").view)

    printed = seen.get()
    assert "Between S and XL. Your weight makes it right for 6 in 10." in printed
    assert "chest" in printed
    assert "at navel level" in printed


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"height_cm": 300}, 422, "HEIGHT_OUT_OF_RANGE"),
        ({"height_cm": 175, "chart": "hats"}, 422, "unknown_chart"),
        ({"height_cm": "tall"}, 422, "invalid_request"),
    ],
)
def test_an_invalid_request_gives_the_same_error_as_over_http(
    settings: Settings, photo: Path, fields: dict[str, object], status: int, code: str
) -> None:
    outcome = estimate_body(settings, photo, **fields)

    assert not outcome.ok
    assert (outcome.data["status"], outcome.data["code"]) == (status, code)


def test_a_refused_photo_gives_instructions(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "wall.jpg").write_bytes(jpeg(empty_picture()))
    outcome = estimate_body(settings, tmp_path / "wall.jpg", height_cm=175)

    assert outcome.data["code"] == "NO_PERSON"
    assert outcome.data["message"] == outcome.data["detail"]


def test_a_missing_file_or_one_without_a_picture_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("hello")

    for name in ("none.jpg", "text.jpg"):
        assert estimate_body(settings, tmp_path / name, height_cm=175).data["status"] == 400


def test_a_missing_model_is_an_error_object_and_is_not_downloaded(tmp_path: Path, photo: Path) -> None:
    settings = Settings(data_dir=tmp_path, pose_model_path=tmp_path / "none.task")
    outcome = estimate_body(settings, photo, height_cm=175)

    assert (outcome.data["status"], outcome.data["code"]) == (503, "pose_model_missing")
