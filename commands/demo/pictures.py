"""The demo's input pictures: drawn ones, or the visitor's own in their place."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from commands.demo.art import garments, people
from commands.demo.looks import SIZE_GUIDE
from commands.outcome import CommandError

if TYPE_CHECKING:
    from pathlib import Path


#: What the fetch stage takes, by Pillow's name.
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}


class Pictures:
    """The files that the tasks link to."""

    def __init__(self, folder: Path, *, photo: Path | None, outfit: Path | None) -> None:
        """Draw into `folder`; `photo` stands in for every person, `outfit` for every garment that is worn.

        Raises:
            CommandError: A picture of the visitor's is missing or of no kind that Darkroom takes.
        """
        self._folder = folder
        self._own = {"your photo": _opened(photo), "your outfit": _opened(outfit)}

    def draw(self) -> None:
        """Draw everything, and copy what is the visitor's own."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "size guide.txt").write_text(SIZE_GUIDE)
        for name, own in self._own.items():
            if own:
                shutil.copyfile(own[0], self.file(name))
        with ThreadPoolExecutor() as pool:
            drawn = [pool.submit(people.draw, person, self.file(person.name)) for person in people.PEOPLE]
            drawn += [pool.submit(garments.draw, name, self.file(name)) for name in garments.GARMENTS]
        for one in drawn:
            one.result()

    def person(self, name: str) -> Path:
        """The photo of somebody."""
        return self.file("your photo" if self._own["your photo"] else name)

    def worn(self, name: str) -> Path:
        """The picture of what is worn."""
        return self.file("your outfit" if self._own["your outfit"] and name in garments.GARMENTS else name)

    def file(self, name: str) -> Path:
        """The file called `name`; the size guide is no picture, on purpose."""
        own = self._own.get(name)
        return self._folder / f"{name}{own[1] if own else '.txt' if name == 'size guide' else '.jpg'}"


def _opened(picture: Path | None) -> tuple[Path, str] | None:
    if picture is None:
        return None
    try:
        with Image.open(picture) as opened:
            opened.verify()
            suffix = SUFFIXES.get(opened.format or "")
    except FileNotFoundError:
        raise CommandError(f"There is no file {picture}.") from None
    except (UnidentifiedImageError, OSError, SyntaxError):
        suffix = None
    if suffix is None:
        raise CommandError(f"{picture} is not a JPEG, PNG or WebP picture.")
    return picture, suffix
