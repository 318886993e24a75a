"""Outcome of a command, as text and as one JSON object."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType


class CommandError(Exception):
    """A command failed; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """Outcome of a command.

    Attributes:
        data: The object that `--json` prints.
        view: Output without `--json`. A string is printed unchanged, without wrapping, colour or markup, so that it
            can be redirected into a file. Other objects are rendered by Rich for the width of the terminal.
        ok: Whether the exit code is 0; 1 otherwise.
    """

    data: dict[str, Any]
    view: RenderableType
    ok: bool = True


def json_text(data: Any) -> str:
    """Return `data` as indented JSON."""
    return json.dumps(data, indent=2, ensure_ascii=False, default=str)


def report(command: Callable[[], CommandOutcome], *, as_json: bool) -> int:
    """Run `command`, print its outcome and return the exit code.

    With `as_json` the last line of standard output is exactly one JSON object, on failure too.
    """
    try:
        outcome = command()
    except _expected_errors() as error:
        return _print_error(str(error), as_json=as_json)
    if as_json:
        print(json.dumps(outcome.data, default=str), flush=True)  # noqa: T201  output of the command
    elif isinstance(outcome.view, str):
        print(outcome.view, flush=True)  # noqa: T201  output of the command
    else:
        from rich.console import Console  # noqa: PLC0415  takes a tenth of a second

        Console().print(outcome.view, crop=False)
    return 0 if outcome.ok else 1


def _print_error(sentence: str, *, as_json: bool) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201  output of the command
    if as_json:
        print(json.dumps({"error": sentence}), flush=True)  # noqa: T201  the same
    return 1


def _expected_errors() -> tuple[type[Exception], ...]:
    # Imported here to keep `--help` fast; the command has loaded most of it already.
    from commands.local.process import StartError  # noqa: PLC0415
    from providers.local_services import NotRunningError  # noqa: PLC0415
    from schemas.errors import DarkroomError  # noqa: PLC0415
    from settings import SettingsError  # noqa: PLC0415

    return CommandError, StartError, NotRunningError, DarkroomError, SettingsError
