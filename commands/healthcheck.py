"""`python -m commands.healthcheck http|worker|scheduler`: HEALTHCHECK of a container; exit code 1 if unhealthy.

Imports are made per role: the check runs every few seconds.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import redis

#: Age of a worker's newest broker heartbeat that means it is stuck, seconds; one is written every 2 s.
SILENCE_S = 30.0
#: Timeout of one request, seconds; shorter than the timeout of HEALTHCHECK.
HTTP_TIMEOUT_S = 4.0


def main(arguments: Sequence[str]) -> int:
    """Check the role named by `arguments`, print the result and return the exit code."""
    checks = {"http": _http, "worker": _worker, "scheduler": _scheduler}
    if len(arguments) != 1 or arguments[0] not in checks:
        print(f"usage: python -m commands.healthcheck {'|'.join(checks)}")  # noqa: T201  what the command is for
        return 2
    fault = checks[arguments[0]]()
    print(fault or "healthy")  # noqa: T201  the same
    return 1 if fault else 0


def _http() -> str | None:
    import urllib.request  # noqa: PLC0415  see the module's docstring
    from urllib.error import URLError  # noqa: PLC0415  the same

    # Settings are not loaded: this is the request of an external probe.
    address = f"http://127.0.0.1:{os.environ.get('PORT') or 8000}/health/ready"
    try:
        with urllib.request.urlopen(address, timeout=HTTP_TIMEOUT_S) as answer:
            answer.read()
    except (URLError, TimeoutError, OSError) as error:
        return f"not ready: {error}"
    return None


def _worker() -> str | None:
    return _with_redis(_heartbeat_fault)


def _scheduler() -> str | None:
    return _with_redis(lambda client: None if client.ping() else "Redis does not answer")


def _heartbeat_fault(client: redis.Redis) -> str | None:
    from providers.process import container_name  # noqa: PLC0415  see the module's docstring
    from schemas import keys  # noqa: PLC0415  the same

    seconds, _ = client.time()
    since = (int(seconds) - SILENCE_S) * 1000
    alive: list[Any] = client.zrangebyscore(f"{keys.BROKER_NAMESPACE}:__heartbeats__", since, "+inf")
    own = f"{container_name()}/".encode()
    if any(worker.startswith(own) for worker in alive):
        return None
    return f"no worker of this container wrote a heartbeat within {SILENCE_S:.0f} s"


def _with_redis(check: Callable[[redis.Redis], str | None]) -> str | None:
    from redis.exceptions import RedisError  # noqa: PLC0415  see the module's docstring

    from commands.connections import addresses  # noqa: PLC0415  the same
    from providers.local_services import NotRunningError  # noqa: PLC0415  the same
    from providers.redis_clients import sync_client  # noqa: PLC0415  the same
    from settings import SettingsError, load  # noqa: PLC0415  the same

    try:
        with sync_client(addresses(load()).redis_url, max_connections=1, socket_timeout_s=HTTP_TIMEOUT_S) as client:
            return check(client)
    except (RedisError, NotRunningError, SettingsError) as error:
        return f"Redis can't be reached: {type(error).__name__}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
