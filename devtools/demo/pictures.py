"""The demo's input pictures: drawn ones, or the visitor's own in their place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from commands.picture_files import picture_suffix
from devtools.demo.looks import SIZE_GUIDE
from devtools.pictures import garments, people

#: What the visitor's own pictures are called in the gallery.
OWN_PHOTO, OWN_OUTFIT = "your photo", "your outfit"


class Pictures:
    """The files that the tasks link to."""

    def __init__(self, folder: Path, *, photo: Path | None, outfit: Path | None) -> None:
        """Draw into `folder`; `photo` stands in for every person, `outfit` for every garment that is worn.

        The visitor's pictures are read here: they may be files of an earlier demo, which the next one deletes.

        Raises:
            CommandError: A picture of the visitor's is missing or of no kind that Darkroom takes.
        """
        self._folder = folder
        own = {OWN_PHOTO: photo, OWN_OUTFIT: outfit}
        self._own = {name: (picture_suffix(picture), picture.read_bytes()) for name, picture in own.items() if picture}

    def draw(self) -> None:
        """Draw everything, and write what is the visitor's own."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "size guide.txt").write_text(SIZE_GUIDE)
        for name, (_, data) in self._own.items():
            self.file(name).write_bytes(data)
        with ThreadPoolExecutor() as pool:
            drawn = [pool.submit(people.draw, person, self.file(person.name)) for person in people.PEOPLE]
            drawn += [pool.submit(garments.draw, name, self.file(name)) for name in garments.GARMENTS]
        for one in drawn:
            one.result()

    def person(self, name: str) -> str:
        """What the photo that is used for the person `name` is called."""
        return OWN_PHOTO if OWN_PHOTO in self._own else name

    def worn(self, name: str) -> str:
        """What the picture that is used for the outfit `name` is called; the size guide stays what it is."""
        return OWN_OUTFIT if OWN_OUTFIT in self._own and name in garments.GARMENTS else name

    def file(self, name: str) -> Path:
        """The file called `name`; the size guide is no picture, on purpose."""
        own = self._own.get(name)
        return self._folder / f"{name}{own[0] if own else '.txt' if name == 'size guide' else '.jpg'}"
