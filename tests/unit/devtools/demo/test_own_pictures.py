from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from commands.outcome import CommandError
from devtools.demo import tryon
from devtools.demo.demo import remove_old
from devtools.demo.looks import LOOKS
from devtools.demo.pictures import Pictures

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.demo.task import DemoTask


class Database:
    """Takes every statement; what is written is the business of other tests."""

    def execute(self, *_: object) -> None:
        """Do nothing."""


class Host:
    """Names an address for every file."""

    def share(self, file: Path) -> str:
        """Return an address with the file's name."""
        return f"http://127.0.0.1/{file.name}"


def picture() -> bytes:
    created = io.BytesIO()
    Image.new("RGB", (8, 12), (10, 120, 60)).save(created, "PNG")
    return created.getvalue()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "inputs" / "mine.png"
    path.parent.mkdir()
    path.write_bytes(picture())
    return path


def tasks(pictures: Pictures) -> list[DemoTask]:
    return tryon.tasks(Database(), Host(), pictures)  # type: ignore[arg-type]  # nothing is read back or served


def test_an_input_of_an_earlier_demo_can_be_used_again(tmp_path: Path, own: Path) -> None:
    pictures = Pictures(tmp_path / "drawings", photo=None, outfit=own)
    shutil.rmtree(own.parent)
    pictures.draw()
    assert pictures.file("your outfit").read_bytes() == picture()


def test_old_results_are_deleted_except_given_files(tmp_path: Path, own: Path) -> None:
    other = own.with_name("other.png")
    other.touch()
    remove_old(tmp_path, keep=(own, None))
    assert own.exists()
    assert not other.exists()


def test_a_drawing_of_an_earlier_demo_can_be_given_again(tmp_path: Path, own: Path) -> None:
    Pictures(tmp_path / "drawings", photo=None, outfit=own).draw()
    again = Pictures(tmp_path / "drawings", photo=None, outfit=tmp_path / "drawings" / "your outfit.png")
    again.draw()
    assert again.file("your outfit").read_bytes() == picture()


def test_no_card_names_a_person_or_a_garment_that_was_replaced(tmp_path: Path, own: Path) -> None:
    pictures = Pictures(tmp_path / "drawings", photo=own, outfit=own)
    pictures.draw()
    created = tasks(pictures)
    replaced = {look.person for look in LOOKS} | {look.outfit for look in LOOKS} - {"size guide"}
    shown = " ".join(f"{task.title} {task.prompt} {[item.label for item in task.inputs]}" for task in created).lower()
    assert not [name for name in replaced if name.lower() in shown]
    assert created[1].title == "your photo, your outfit, leather bag"
    assert created[1].prompt == "Your outfit and bag, a walk after the rain"
    assert created[1].payload["prompt"] == created[1].prompt


def test_drawn_pictures_keep_their_captions(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path / "drawings", photo=None, outfit=None)
    pictures.draw()
    created = tasks(pictures)
    assert (created[0].title, created[0].prompt) == ("Mara, linen shirt", "Linen shirt, morning light by the window")
    assert not [task for task in created if "{" in task.prompt]


def test_a_file_that_is_not_a_picture_is_refused_before_anything_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "me.jpg").write_text("no picture")
    with pytest.raises(CommandError, match="is not a JPEG, PNG or WebP picture"):
        Pictures(tmp_path / "drawings", photo=tmp_path / "me.jpg", outfit=None)
