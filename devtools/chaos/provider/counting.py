"""The provider in a separate process, so that faults injected into workers do not affect its counts."""

from __future__ import annotations

import socket
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from commands.local.free_port import free_port
from commands.local.process import Command, Process
from devtools.chaos.provider.as_comfyui import WORKFLOW
from devtools.chaos.provider.behaviour import Behaviour
from devtools.chaos.provider.kinds import Kind

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).parents[3]


def marked(prompt: str, task_id: str) -> str:
    """Return the prompt with the marker by which the provider recognises the task."""
    return f"{prompt} [task:{task_id}]".strip()


class CountingProvider:
    """Run the provider from entering the context until leaving it; it ends with this process."""

    def __init__(self, log: Path | None = None, *, seed: int = 0, latency_s: float = 0.2) -> None:
        """Prepare the command.

        Args:
            log: File to append the output to; None for the standard error of this process.
            seed: Seed of the results of calls.
            latency_s: Duration of a generation, seconds.
        """
        self._port = free_port()
        self._latency_s = latency_s
        self._process: Process | None = None
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", trust_env=False, timeout=10.0)
        argv = (sys.executable, "-m", "devtools.chaos.provider", str(self._port), str(seed))
        self._command = Command("the counting provider", argv, ROOT, log)

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def openai_url(self) -> str:
        """Value for OPENAI_BASE_URL."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def replicate_url(self) -> str:
        """Value for REPLICATE_BASE_URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment of workers that use this provider instead of the real ones; the keys are not valid anywhere."""
        return {
            "AI_MOCK_MODE": "false",
            "OPENAI_API_KEY": "sk-invalid",
            "OPENAI_BASE_URL": self.openai_url,
            "REPLICATE_API_TOKEN": "r8_invalid",
            "REPLICATE_BASE_URL": self.replicate_url,
            "FAL_KEY": "invalid",
            "FAL_BASE_URL": f"{self.url}/fal",
            "FASHN_API_KEY": "invalid",
            "FASHN_BASE_URL": f"{self.url}/fashn",
            "GEMINI_API_KEY": "invalid",
            "GEMINI_BASE_URL": f"{self.url}/gemini",
            "OPENAI_COMPATIBLE_BASE_URL": self.openai_url,
            "OPENAI_COMPATIBLE_API_KEY": "sk-invalid",
            "COMFYUI_BASE_URL": f"{self.url}/comfyui",
            "COMFYUI_WORKFLOW": str(WORKFLOW),
            "FETCH_ALLOWED_NETWORKS": "127.0.0.0/8",
        }

    def __enter__(self) -> Self:
        """Start the provider; return once it accepts connections.

        Raises:
            StartError: The provider does not start.
        """
        self._process = Process(self._command)
        self._process.wait_ready(self._accepts)
        self.behave()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the provider."""
        self._client.close()
        if self._process:
            self._process.stop()

    def behave(self, *, latency_s: float | None = None, **shares: float) -> None:
        """Set the shares of failing calls (see `Behaviour`); those not given are 0.

        `latency_s` is kept unless given.
        """
        self._latency_s = self._latency_s if latency_s is None else latency_s
        behaviour = Behaviour.model_validate({"latency_s": self._latency_s} | shares)
        self._client.put("/admin/behaviour", json=behaviour.model_dump()).raise_for_status()

    def paid_calls(self, kind: Kind | None = None) -> dict[str, int]:
        """Return the number of billed calls by task, of one kind or of both."""
        return self._counts("paid", kind)

    def provoked_calls(self, kind: Kind | None = None) -> dict[str, int]:
        """Return the number of billed calls that hung, were empty or lost their response, by task."""
        return self._counts("provoked", kind)

    def fates(self, kind: Kind | None = None) -> dict[str, int]:
        """Return the number of calls by result."""
        return self._counts("fates", kind)

    def _counts(self, name: str, kind: Kind | None) -> dict[str, int]:
        report: dict[str, Any] = self._client.get("/admin/calls").raise_for_status().json()
        total: Counter[str] = Counter()
        for each in (kind,) if kind else Kind:
            total.update(report[each][name])
        return dict(total)

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:  # not listening yet
            return False
        return True
