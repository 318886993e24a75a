"""The provider as a program of its own: whatever is done to the workers, it goes on counting."""

from __future__ import annotations

import socket
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from commands.local.free_port import free_port
from commands.local.process import Command, Process
from devtools.chaos.provider.behaviour import Behaviour
from devtools.chaos.provider.kinds import Kind

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).parents[3]


def marked(prompt: str, task_id: str) -> str:
    """The prompt with the marker by which the provider knows the task."""
    return f"{prompt} [task:{task_id}]".strip()


class CountingProvider:
    """Runs the provider from entering the context until leaving it; it dies with this process."""

    def __init__(self, log: Path | None = None, *, seed: int = 0, latency_s: float = 0.2) -> None:
        """Prepare it.

        Args:
            log: The file its output is appended to; None for our own standard error.
            seed: What the fates of calls are drawn with.
            latency_s: How long a picture takes, seconds.
        """
        self._port = free_port()
        self._latency_s = latency_s
        self._process: Process | None = None
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", trust_env=False, timeout=10.0)
        argv = (sys.executable, "-m", "devtools.chaos.provider", str(self._port), str(seed))
        self._command = Command("the counting provider", argv, ROOT, log)

    @property
    def openai_url(self) -> str:
        """What OPENAI_BASE_URL is set to."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def replicate_url(self) -> str:
        """What REPLICATE_BASE_URL is set to."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes a worker call it instead of the real ones, with keys that open nothing."""
        return {
            "AI_MOCK_MODE": "false",
            "OPENAI_API_KEY": "sk-nobody",
            "OPENAI_BASE_URL": self.openai_url,
            "REPLICATE_API_TOKEN": "r8_nobody",
            "REPLICATE_BASE_URL": self.replicate_url,
            "FETCH_ALLOWED_NETWORKS": "127.0.0.0/8",
        }

    def __enter__(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            StartError: It does not start.
        """
        self._process = Process(self._command)
        self._process.wait_ready(self._answers)
        self.behave()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._client.close()
        if self._process:
            self._process.stop()

    def behave(self, *, latency_s: float | None = None, **shares: float) -> None:
        """Change how calls are met from now on: misbehave in these shares (see `Behaviour`), in no others.

        `latency_s` stays as it is unless given.
        """
        self._latency_s = self._latency_s if latency_s is None else latency_s
        behaviour = Behaviour.model_validate({"latency_s": self._latency_s} | shares)
        self._client.put("/admin/behaviour", json=behaviour.model_dump()).raise_for_status()

    def paid_calls(self, kind: Kind | None = None) -> dict[str, int]:
        """Calls that would be billed, by task; of one kind or of both."""
        return self._counted("paid", kind)

    def provoked_calls(self, kind: Kind | None = None) -> dict[str, int]:
        """Those of the billed calls that brought nothing because the provider misbehaved: hung, empty, reply lost."""
        return self._counted("provoked", kind)

    def fates(self, kind: Kind | None = None) -> dict[str, int]:
        """How many calls met which fate."""
        return self._counted("fates", kind)

    def _counted(self, what: str, kind: Kind | None) -> dict[str, int]:
        report: dict[str, Any] = self._client.get("/admin/calls").raise_for_status().json()
        total: Counter[str] = Counter()
        for each in (kind,) if kind else Kind:
            total.update(report[each][what])
        return dict(total)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:  # not listening yet
            return False
        return True
