"""The scratch store: bytes between the stages of one job."""

from __future__ import annotations

from typing import Protocol


class Scratch(Protocol):
    """Holds a job's bytes under `{task_id}/{name}` until the job ends."""

    async def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Keep `data` under `name`, replacing what is there; it is complete or absent, never partial.

        What is `durable` survives a power cut. What is not may be lost with this process: its job starts over then.

        Raises:
            Unavailable: The store can't be reached or is full.
        """

    async def probe(self) -> None:
        """Return if the store takes a write of the size of a picture.

        Raises:
            Unavailable: It does not.
        """

    async def read(self, name: str) -> bytes:
        """The bytes under `name`.

        Raises:
            Unavailable: The store can't be reached.
            KeyError: There is nothing under that name (any more).
        """

    def forget(self, name: str) -> None:
        """Say that `name` is not needed any more: it may go now, and goes at the latest with its task."""

    async def delete_task(self, task_id: str) -> None:
        """Forget everything of a task. Forgetting what is not there is success."""

    async def purge(self, older_than_s: float) -> int:
        """Forget what is older than `older_than_s` seconds, whatever it belongs to; returns how many tasks."""

    async def aclose(self) -> None:
        """Give back connections."""
