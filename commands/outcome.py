"""What a command did: for a person, and as one JSON object."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType


class CommandError(Exception):
    """A command can't do what it was asked; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What a command did.

    Attributes:
        data: The object that `--json` prints.
        view: What a person sees. A string is printed as it is, never wrapped, coloured or read as markup: it may be
            redirected into a file. Anything else is laid out by Rich for the width of the terminal.
        ok: Whether all is as it should be; false is exit code 1.
    """

    data: dict[str, Any]
    view: RenderableType
    ok: bool = True


def json_text(data: Any) -> str:
    """Return `data` as indented JSON for a person or a pipe."""
    return json.dumps(data, indent=2, ensure_ascii=False, default=str)


def report(command: Callable[[], CommandOutcome], *, as_json: bool) -> int:
    """Run `command` and print what it did; the exit code.

    With `as_json` the last line of standard output is exactly one JSON object, on failure too.
    """
    try:
        outcome = command()
    except _expected() as error:
        return _refuse(str(error), as_json=as_json)
    if as_json:
        print(json.dumps(outcome.data, default=str), flush=True)  # noqa: T201  what the command is for
    elif isinstance(outcome.view, str):
        print(outcome.view, flush=True)  # noqa: T201  what the command is for
    else:
        from rich.console import Console  # noqa: PLC0415  a tenth of a second that --json does without

        Console().print(outcome.view, crop=False)
    return 0 if outcome.ok else 1


def _refuse(sentence: str, *, as_json: bool) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201  what the command is for
    if as_json:
        print(json.dumps({"error": sentence}), flush=True)  # noqa: T201  the same
    return 1


def _expected() -> tuple[type[Exception], ...]:
    # Imported here so that `--help` stays quick; by now the command has loaded most of it.
    from commands.local.process import StartError  # noqa: PLC0415
    from providers.local_services import NotRunningError  # noqa: PLC0415
    from schemas.errors import DarkroomError  # noqa: PLC0415
    from settings import SettingsError  # noqa: PLC0415

    return CommandError, StartError, NotRunningError, DarkroomError, SettingsError
