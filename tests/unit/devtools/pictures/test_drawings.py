from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from devtools.pictures import garments, people
from devtools.pictures.sheet import shade

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("person", people.PEOPLE[:2], ids=lambda person: person.name)
def test_a_drawn_person_is_larger_than_the_limit_of_the_resize_stage(person: people.Person, tmp_path: Path) -> None:
    people.draw(person, tmp_path / "person.jpg")
    with Image.open(tmp_path / "person.jpg") as picture:
        assert picture.size == people.SIZE_PX
        assert max(picture.size) > 1024
        assert len(picture.quantize(64).getcolors() or []) > 40


def test_garments_differ(tmp_path: Path) -> None:
    for name in ("linen shirt", "silk scarf"):
        garments.draw(name, tmp_path / f"{name}.jpg")
    assert (tmp_path / "linen shirt.jpg").read_bytes() != (tmp_path / "silk scarf.jpg").read_bytes()


def test_a_shade_is_lighter_or_darker_and_stays_in_range() -> None:
    assert shade("#808080", 0.5) == (192, 192, 192)
    assert shade("#808080", -0.5) == (64, 64, 64)
    assert shade((255, 255, 255), 1.0) == (255, 255, 255)
