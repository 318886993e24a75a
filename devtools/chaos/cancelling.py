"""Users who change their minds: sessions cancelled at any moment, as `manage.py cancel` does it."""

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

#: Only tasks pushed lately are likely to be still on their way.
RECENT = 5


class Users:
    """Whose tasks are pushed, and who may cancel any of them."""

    def __init__(self, seed: str, servers: Servers, tasks: Sequence[ChaosTask]) -> None:
        """Cancel among `tasks`, which grows meanwhile."""
        self._chance = random.Random(seed)  # noqa: S311  repeatable is the point
        self._settings = servers.own_settings
        self._tasks = tasks

    def cancel_one(self) -> str:
        """Cancel a recent task; what became of that."""
        if not self._tasks:
            return "nobody has anything to cancel yet"
        task = self._chance.choice(self._tasks[-RECENT:])
        try:
            asyncio.run(cancel(self._settings, task.session_id))
        except (CommandError, DarkroomError, redis.exceptions.RedisError) as error:
            return f"a user came too late to cancel ({type(error).__name__})"
        return "a user cancelled"
