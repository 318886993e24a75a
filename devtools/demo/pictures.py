"""Input pictures of the demo: drawn, or given by the user."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from commands.picture_files import picture_suffix
from devtools.demo.looks import SIZE_GUIDE
from devtools.pictures import garments, people

#: Labels of the user's own pictures in the gallery.
OWN_PHOTO, OWN_OUTFIT = "your photo", "your outfit"


class Pictures:
    """Files of the input pictures, drawn or given by the user."""

    def __init__(self, folder: Path, *, photo: Path | None, outfit: Path | None) -> None:
        """Use `folder` for the files, `photo` for every person and `outfit` for every garment.

        The user's pictures are read at once: they may be files of an earlier demo, which are deleted before a run.

        Raises:
            CommandError: A picture of the user is missing or not a JPEG, PNG or WebP file.
        """
        self._folder = folder
        own = {OWN_PHOTO: photo, OWN_OUTFIT: outfit}
        self._own = {name: (picture_suffix(picture), picture.read_bytes()) for name, picture in own.items() if picture}

    def draw(self) -> None:
        """Draw all pictures and write the user's own."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "size guide.txt").write_text(SIZE_GUIDE)
        for name, (_, data) in self._own.items():
            self.file(name).write_bytes(data)
        with ThreadPoolExecutor() as pool:
            drawn = [pool.submit(people.draw, person, self.file(person.name)) for person in people.PEOPLE]
            drawn += [pool.submit(garments.draw, name, self.file(name)) for name in garments.GARMENTS]
        for drawing in drawn:
            drawing.result()

    def person(self, name: str) -> str:
        """Return the name of the photo for the person `name`."""
        return OWN_PHOTO if OWN_PHOTO in self._own else name

    def outfit(self, name: str) -> str:
        """Return the name of the picture for the outfit `name`; the size guide is never replaced."""
        return OWN_OUTFIT if OWN_OUTFIT in self._own and name in garments.GARMENTS else name

    def file(self, name: str) -> Path:
        """Return the file called `name`; the size guide is a text file on purpose."""
        own = self._own.get(name)
        return self._folder / f"{name}{own[0] if own else '.txt' if name == 'size guide' else '.jpg'}"
