"""Contact sheet of a batch: all pictures in order."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from schemas.common import Product

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from devtools.demo.task import Result


def sheets(folder: Path, results: Sequence[Result]) -> str:
    """Return the HTML of a sheet for each batch."""
    return "\n".join(_sheet(folder, result) for result in results if result.task.product is Product.IMAGES)


def _sheet(folder: Path, result: Result) -> str:
    frames = "".join(_frame(folder, file, number) for number, file in enumerate(result.pictures, 1))
    frames = frames or f'<p class="says">{escape(result.message or result.status)}</p>'
    return (
        f'<div class="sheet"><header><b>{escape(result.task.prompt)}</b>'
        f"<span>{escape(result.task.title)}, {result.seconds:.1f} s</span></header>"
        f'<div class="frames">{frames}</div></div>'
    )


def _frame(folder: Path, file: Path, number: int) -> str:
    link = escape(file.relative_to(folder).as_posix())
    return (
        f'<figure><a href="{link}"><img src="{link}" alt="Picture {number}" loading="lazy"></a>'
        f"<figcaption>{number:02d}</figcaption></figure>"
    )
