"""Work with an id, as the emulated queues keep it; its state follows from the time since its creation."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

from devtools.chaos.provider.behaviour import Fate
from devtools.chaos.provider.call_log import LoggedCall


@dataclass
class EmulatedWork:
    """One piece of work."""

    call: LoggedCall
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    began: float = field(default_factory=time.monotonic)
    cancelled: bool = False

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        left_s = self.began + self.call.seconds - time.monotonic()
        return not self.cancelled and (self.call.fate is Fate.HANG or left_s > 0)
