"""The HTTP service of the demo: on a port of its own, with a token of its own."""

from __future__ import annotations

import secrets
import time

import httpx
from pydantic import ValidationError

from commands.local.free_port import free_port
from commands.outcome import CommandError
from schemas.http import Health

#: How long the service and a worker may take to come up, and between two looks, seconds.
START_S = 60.0
LOOK_S = 0.05
#: A stream says something at least every 15 s; what connects is on this machine.
TIMEOUTS = httpx.Timeout(10.0, read=30.0)


class Service:
    """Where it is and how it is called.

    Attributes:
        url: Without a slash at the end.
    """

    def __init__(self) -> None:
        """Choose a port and make a token."""
        self._port = free_port()
        self._token = secrets.token_urlsafe(32)
        self.url = f"http://127.0.0.1:{self._port}"

    def environment(self) -> dict[str, str]:
        """What every program is started with, so that the service is here and links lead to it."""
        return {
            "HOST": "127.0.0.1",
            "PORT": str(self._port),
            "PUBLIC_URL": self.url,
            # Tokens that the visitor's .env may set stay valid; calls of the demo itself are not limited.
            "API_TOKEN": self._token,
            "RATE_LIMIT_PER_MINUTE": "1000000",
        }

    def client(self) -> httpx.AsyncClient:
        """A client that may do everything; a proxy has no part in it."""
        headers = {"Authorization": f"Bearer {self._token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=TIMEOUTS, trust_env=False)

    def wait_ready(self) -> None:
        """Wait until it reaches Redis, the database and a worker.

        Raises:
            CommandError: It did not within `START_S` seconds.
        """
        deadline = time.monotonic() + START_S
        with httpx.Client(base_url=self.url, timeout=TIMEOUTS, trust_env=False) as client:
            while missing := _missing(client):
                if time.monotonic() > deadline:
                    raise CommandError(f"The HTTP service did not come up within {START_S:.0f} s: {missing}.")
                time.sleep(LOOK_S)


def _missing(client: httpx.Client) -> str:
    """What is not there yet; empty if everything is."""
    try:
        health = Health.model_validate_json(client.get("/health").content)
    except (httpx.TransportError, ValidationError) as error:
        return f"it does not answer ({type(error).__name__})"
    parts = {"Redis": health.redis_connected, "the database": health.database_connected,
             "a worker": health.workers_connected}  # fmt: skip
    absent = [name for name, connected in parts.items() if not connected]
    return f"it does not see {' and '.join(absent)}" if absent else ""
