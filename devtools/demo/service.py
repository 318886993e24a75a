"""HTTP service of the demo, with its own port and token."""

from __future__ import annotations

import secrets
import time

import httpx
from pydantic import ValidationError

from commands.local.free_port import free_port
from commands.outcome import CommandError
from schemas.http import Health

#: Timeout of the start of service and worker, and interval of its checks, seconds.
START_S = 60.0
POLL_S = 0.05
#: The read timeout is longer than the interval of a stream's keep-alives, 15 s.
TIMEOUTS = httpx.Timeout(10.0, read=30.0)


class Service:
    """Address and token of the service.

    Attributes:
        url: Without a slash at the end.
    """

    def __init__(self) -> None:
        """Choose a free port and generate a token."""
        self._port = free_port()
        self._token = secrets.token_urlsafe(32)
        self.url = f"http://127.0.0.1:{self._port}"

    def environment(self) -> dict[str, str]:
        """Return variables for all programs: address of the service, for its links, and its token."""
        return {
            "HOST": "127.0.0.1",
            "PORT": str(self._port),
            "PUBLIC_URL": self.url,
            # API_TOKENS of a user's .env stay valid; the rate limit must not affect the demo's own calls.
            "API_TOKEN": self._token,
            "RATE_LIMIT_PER_MINUTE": "1000000",
        }

    def client(self) -> httpx.AsyncClient:
        """Return a client with all scopes that ignores proxies."""
        headers = {"Authorization": f"Bearer {self._token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=TIMEOUTS, trust_env=False)

    def wait_ready(self) -> None:
        """Wait until the service reaches Redis, the database and a worker.

        Raises:
            CommandError: The service did not within `START_S` seconds.
        """
        deadline = time.monotonic() + START_S
        with httpx.Client(base_url=self.url, timeout=TIMEOUTS, trust_env=False) as client:
            while missing := _missing(client):
                if time.monotonic() > deadline:
                    raise CommandError(f"The HTTP service did not start within {START_S:.0f} s: {missing}.")
                time.sleep(POLL_S)


def _missing(client: httpx.Client) -> str:
    """Return the missing parts as text; empty if none is missing."""
    try:
        health = Health.model_validate_json(client.get("/health").content)
    except (httpx.TransportError, ValidationError) as error:
        return f"no valid answer from /health ({type(error).__name__})"
    parts = {"Redis": health.redis_connected, "the database": health.database_connected,
             "a worker": health.workers_connected}  # fmt: skip
    absent = [name for name, connected in parts.items() if not connected]
    return f"it can't reach {' and '.join(absent)}" if absent else ""
