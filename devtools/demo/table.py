"""Result table of the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from schemas.common import StageName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.demo.task import Result

STAGES = (StageName.FETCH, StageName.RESIZE, StageName.GENERATE, StageName.WATERMARK, StageName.UPLOAD)

#: Minimum width for lines between columns, and width of all columns but the first without lines; characters.
WIDE = 110
NUMBERS = 67


def table(results: Sequence[Result], width: int) -> Table:
    """Return a table of task, status, seconds per stage and credits, for a terminal of `width` characters."""
    narrow = width < WIDE
    view = Table(
        box=None if narrow else SIMPLE_HEAD, caption="seconds per stage", caption_justify="right",
        header_style="bold", pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    view.add_column("task", overflow="ellipsis", no_wrap=True, max_width=max(14, width - NUMBERS) if narrow else None)
    view.add_column("status", no_wrap=True)
    for heading in (*STAGES, "total"):
        view.add_column(heading, justify="right", style="dim", no_wrap=True)
    view.add_column("credits", no_wrap=True)
    for result in results:
        seconds = [f"{result.stages_s[stage]:.1f}" if stage in result.stages_s else "" for stage in STAGES]
        view.add_row(result.task.title, _status(result), *seconds, f"{result.seconds:.1f}", credits_of(result))
    return view


def failures(results: Sequence[Result]) -> str:
    """Return the messages that users of failed tasks get."""
    failed = [result for result in results if result.message]
    return "\n".join(f"{escape(result.task.title)}: [italic]“{escape(result.message)}”[/]" for result in failed)


def credits_of(result: Result) -> str:
    """Return the credits that were spent or refunded."""
    if result.refunded:
        return f"{result.refunded} refunded"
    return f"{result.task.credits} spent"


def _status(result: Result) -> str:
    colour = "green" if result.status == "completed" else "yellow" if result.as_expected else "red"
    return f"[{colour}]{result.status}[/]"
