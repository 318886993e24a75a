"""Check picture files that a person names on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from commands.outcome import CommandError

if TYPE_CHECKING:
    from pathlib import Path

#: File name suffix of each format that the fetch stage accepts, by Pillow's name of the format.
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}


def picture_suffix(file: Path) -> str:
    """Read the picture and return the file name suffix of its format.

    Raises:
        CommandError: The file is missing, or is not a JPEG, PNG or WebP picture.
    """
    try:
        with Image.open(file) as opened:
            opened.verify()
            suffix = SUFFIXES.get(opened.format or "")
    except FileNotFoundError:
        raise CommandError(f"There is no file {file}.") from None
    except (UnidentifiedImageError, OSError, SyntaxError):
        suffix = None
    if suffix is None:
        raise CommandError(f"{file} is not a JPEG, PNG or WebP picture.")
    return suffix
