"""Keeps programs running: starts them, restarts what dies, stops them all."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from commands.local.process import Process, StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from commands.local.process import Command

#: The pause before a program is started again, seconds: doubled each time it dies early.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
#: A program that lived this long did not die early, seconds.
HEALTHY_S = 10.0


class Supervisor:
    """Runs programs from entering the context until leaving it; each is watched by a thread of its own."""

    def __init__(self, commands: Sequence[Command], say: Callable[[str], None]) -> None:
        """Describe it; `say` is told what dies and comes back, in sentences."""
        self._say = say
        self._stopping = threading.Event()
        self._keepers = [_Keeper(command, self._stopping, say) for command in commands]

    def __enter__(self) -> Self:
        """Start everything.

        Raises:
            StartError: A program can't be started at all; what was started is stopped again.
        """
        try:
            for keeper in self._keepers:
                keeper.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.stop()

    def pid(self, name: str) -> int:
        """The process id of the program called `name`; 0 while it is not running."""
        return next(keeper.pid for keeper in self._keepers if keeper.command.name == name)

    def fault(self) -> str | None:
        """Return which program ended by itself since the start, as a sentence; None while all have run throughout."""
        ended = [keeper for keeper in self._keepers if keeper.ended_with is not None]
        if not ended:
            return None
        return f"{ended[0].command.name} ended with code {ended[0].ended_with}"

    def stop(self) -> None:
        """Ask all programs to stop, side by side, and wait until they have."""
        self._stopping.set()
        for keeper in self._keepers:
            keeper.ask_to_stop()
        for keeper in self._keepers:
            keeper.join()


class _Keeper:
    """Keeps one program running."""

    def __init__(self, command: Command, stopping: threading.Event, say: Callable[[str], None]) -> None:
        self.command = command
        #: The exit code of the first time that it ended by itself.
        self.ended_with: int | None = None
        self._stopping = stopping
        self._say = say
        self._process: Process | None = None
        self._thread = threading.Thread(target=self._keep, name=f"keep-{command.name}", daemon=True)

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

    def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while self._process:
            started = time.monotonic()
            code = self._process.wait()
            self._process.ask_to_stop()  # gives back its pipes
            if self._stopping.is_set():
                return
            if self.ended_with is None:
                self.ended_with = code
            pause_s = FIRST_PAUSE_S if time.monotonic() - started > HEALTHY_S else min(2 * pause_s, LONGEST_PAUSE_S)
            self._say(f"{self.command.name} ended with code {code}; starting it again in {pause_s:.1f} s.")
            if self._stopping.wait(pause_s):
                return
            self._restart()

    def _restart(self) -> None:
        try:
            self._process = Process(self.command)
        except StartError as error:
            self._say(str(error))
        if self._stopping.is_set():  # it was asked between the pause and the start
            self.ask_to_stop()
