"""Supervise programs: start them, restart those that end, stop all."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from commands.local.process import Process, StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from commands.local.process import Command

#: Delay before a restart, seconds; doubles each time the program ends early.
MIN_DELAY_S = 0.5
MAX_DELAY_S = 10.0
#: A program that ran for less ended early, seconds.
HEALTHY_S = 10.0


class Supervisor:
    """Context manager that runs programs, each watched by a thread."""

    def __init__(self, commands: Sequence[Command], say: Callable[[str], None]) -> None:
        """Prepare the programs; `say` gets a sentence for each restart."""
        self._say = say
        self._stopping = threading.Event()
        self._programs = [_SupervisedProgram(command, self._stopping, say) for command in commands]

    def __enter__(self) -> Self:
        """Start all programs.

        Raises:
            StartError: A program can't be started; those already started are stopped.
        """
        try:
            for program in self._programs:
                program.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all programs."""
        self.stop()

    def pid(self, name: str) -> int:
        """Return the process id of the program called `name`; 0 while it is not running."""
        return next(program.pid for program in self._programs if program.command.name == name)

    def fault(self) -> str | None:
        """Return a sentence about the first program that has ended unexpectedly; None if none has."""
        ended = [program for program in self._programs if program.ended_with is not None]
        if not ended:
            return None
        return f"{ended[0].command.name} ended with code {ended[0].ended_with}"

    def stop(self) -> None:
        """Stop all programs concurrently and wait until they have ended."""
        self._stopping.set()
        for program in self._programs:
            program.ask_to_stop()
        for program in self._programs:
            program.join()


class _SupervisedProgram:
    """One program and the thread that restarts it."""

    def __init__(self, command: Command, stopping: threading.Event, say: Callable[[str], None]) -> None:
        self.command = command
        #: Exit code of its first unexpected end.
        self.ended_with: int | None = None
        self._stopping = stopping
        self._say = say
        self._process: Process | None = None
        self._thread = threading.Thread(target=self._watch, name=f"supervise-{command.name}", daemon=True)

    @property
    def pid(self) -> int:
        return self._process.pid if self._process and self._process.running else 0

    def start(self) -> None:
        self._process = Process(self.command)
        self._thread.start()

    def ask_to_stop(self) -> None:
        if self._process:
            self._process.ask_to_stop()

    def join(self) -> None:
        if self._thread.ident:
            self._thread.join()

    def _watch(self) -> None:
        delay_s = MIN_DELAY_S
        while self._process:
            started = time.monotonic()
            code = self._process.wait()
            self._process.ask_to_stop()  # closes its pipes
            if self._stopping.is_set():
                return
            if self.ended_with is None:
                self.ended_with = code
            delay_s = MIN_DELAY_S if time.monotonic() - started > HEALTHY_S else min(2 * delay_s, MAX_DELAY_S)
            self._say(f"{self.command.name} ended with code {code}; starting it again in {delay_s:.1f} s.")
            if self._stopping.wait(delay_s):
                return
            self._restart()

    def _restart(self) -> None:
        try:
            self._process = Process(self.command)
        except StartError as error:
            self._say(str(error))
        if self._stopping.is_set():  # a stop was requested during the start
            self.ask_to_stop()
