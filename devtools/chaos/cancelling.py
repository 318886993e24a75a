"""Cancel random sessions, as `manage.py cancel` does."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import redis.exceptions

from commands.cancel import cancel
from commands.outcome import CommandError
from schemas.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.chaos.load import ChaosTask
    from devtools.chaos.testbed import Servers

#: Number of newest tasks to choose from; older ones have mostly ended.
RECENT = 5


class Users:
    """Users who cancel their sessions."""

    def __init__(self, seed: str, servers: Servers, tasks: Sequence[ChaosTask]) -> None:
        """Cancel sessions of `tasks`, a list that grows."""
        self._random = random.Random(seed)  # noqa: S311  not for security: a seed repeats the run
        self._settings = servers.own_settings
        self._tasks = tasks

    def cancel_one(self) -> str:
        """Cancel a recent session and describe the result."""
        if not self._tasks:
            return "no session to cancel yet"
        task = self._random.choice(self._tasks[-RECENT:])
        try:
            asyncio.run(cancel(self._settings, task.session_id))
        except (CommandError, DarkroomError, redis.exceptions.RedisError) as error:
            return f"a cancellation was refused ({type(error).__name__})"
        return "a session was cancelled"
