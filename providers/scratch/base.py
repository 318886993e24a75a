"""The port for the scratch store: bytes between the stages of one job."""

from __future__ import annotations

from typing import Protocol


class Scratch(Protocol):
    """Keeps a job's bytes under `{task_id}/{name}` until the job ends."""

    async def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Write `data` to `name`, replacing a previous value; readers never see a part of it.

        A `durable` write survives a power cut. Any other may be lost with this process; its job then starts over.

        Raises:
            Unavailable: The store can't be reached or is full.
        """

    async def probe(self) -> None:
        """Check that the store takes a write of the size of a picture.

        Raises:
            Unavailable: The write failed.
        """

    async def read(self, name: str) -> bytes:
        """Return the bytes of `name`.

        Raises:
            Unavailable: The store can't be reached.
            KeyError: The name does not exist, or not any more.
        """

    def forget(self, name: str) -> None:
        """Allow `name` to be deleted now; it is deleted with its task at the latest."""

    async def delete_task(self, task_id: str) -> None:
        """Delete all names of a task; do nothing if there are none."""

    async def purge(self, older_than_s: float) -> int:
        """Delete everything older than `older_than_s` seconds; return the number of tasks."""

    async def aclose(self) -> None:
        """Close the connections."""
