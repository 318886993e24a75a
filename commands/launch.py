"""`python -m commands.launch dramatiq|periodiq ARGUMENT…`: run that program with Darkroom's log format.

The main process of `dramatiq` never imports the application, so by itself it logs plain text beside its workers' JSON.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import dramatiq.cli
import periodiq

from providers import logs
from settings import SettingsError, load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def main(arguments: Sequence[str]) -> int:
    """Configure the logs, then run the program in this process; return its exit code."""
    if not arguments or arguments[0] not in _PROGRAMS:
        sys.stderr.write(f"usage: python -m commands.launch {'|'.join(_PROGRAMS)} ARGUMENT...\n")
        return 2
    try:
        settings = load()
    except SettingsError as error:
        sys.stderr.write(f"Darkroom can't start: {error}\n")
        return 1
    # Both programs keep handlers that are installed already.
    logs.configure(level=settings.log_level, style=settings.log_format)
    program, *options = arguments
    return _PROGRAMS[program](options)


def _dramatiq(options: Sequence[str]) -> int:
    # On SIGHUP the main process executes `sys.argv` again.
    sys.argv = [sys.executable, "-m", "commands.launch", "dramatiq", *options]
    code: int = dramatiq.cli.main(dramatiq.cli.make_argument_parser().parse_args(options))
    return code


def _periodiq(options: Sequence[str]) -> int:
    sys.argv = ["periodiq", *options]
    code: int = periodiq.entrypoint()
    return code


_PROGRAMS: dict[str, Callable[[Sequence[str]], int]] = {"dramatiq": _dramatiq, "periodiq": _periodiq}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
