"""Order try-on pictures over HTTP, wait until their tasks have ended, and print the result as one JSON object.

Needs only Python, not Darkroom: it represents a producer on another host.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

#: Seconds for which a call is retried: an HTTP service that is being replaced is unavailable for a few seconds.
RETRY_S = 60.0
ENDED = {"completed", "failed"}
#: Maximum number of sessions in one listing, and so the maximum number of tasks.
PAGE = 50


class Caller:
    """Calls the HTTP service with a token."""

    def __init__(self, url: str, token: str) -> None:
        """Call the service at `url` with `token`."""
        self._url, self._token = url, token

    def call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the JSON answer; retry while the service refuses connections or answers 502 or 503.

        Raises:
            OSError: The call failed for `RETRY_S` seconds, or with another status.
        """
        deadline = time.monotonic() + RETRY_S
        while True:
            try:
                return self._once(path, body)
            except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
                unavailable = not isinstance(error, urllib.error.HTTPError) or error.code in {502, 503}
                if not unavailable or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def _once(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  the caller names the service
            self._url + path,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  the caller names the service
            content: dict[str, Any] = json.load(answer)
            return content


def push(caller: Caller, arguments: argparse.Namespace) -> list[str]:
    """Order `tasks` pictures over `spread` seconds; return the ids of their sessions."""
    order = {
        "channel": "b2c",
        "user_id": arguments.user,
        "model_image_url": f"{arguments.pictures}/person.jpg",
        "outfit_image_url": f"{arguments.pictures}/outfit.jpg",
    }
    sessions = []
    for _ in range(arguments.tasks):
        sessions.append(caller.call("/generations", order)["session_id"])
        time.sleep(arguments.spread / arguments.tasks)
    return sessions


def follow(caller: Caller, user: str, sessions: list[str], within_s: float) -> dict[str, str]:
    """Return the status of each session, when all have ended or after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    status = dict.fromkeys(sessions, "queued")
    while time.monotonic() < deadline and not ENDED.issuperset(status.values()):
        time.sleep(1)
        page = caller.call(f"/generations?channel=b2c&user_id={user}&limit={PAGE}")
        status |= {item["session_id"]: item["status"] for item in page["items"] if item["session_id"] in status}
    return status


def main() -> int:
    """Order, wait and print; return exit code 1 unless every task completed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--pictures", required=True, help="base URL of person.jpg and outfit.jpg, as workers reach it")
    parser.add_argument("--user", default="smoke")
    parser.add_argument("--tasks", type=int, default=20, choices=range(1, PAGE + 1), metavar="1…50")
    parser.add_argument("--spread", type=float, default=0.0, help="seconds over which the orders are spread")
    parser.add_argument("--within", type=float, default=180.0, help="seconds to wait until all tasks have ended")
    arguments = parser.parse_args()
    started = time.monotonic()
    caller = Caller(arguments.url, arguments.token_file.read_text().strip())
    status = follow(caller, arguments.user, push(caller, arguments), arguments.within)
    outcomes = list(status.values())
    print(  # noqa: T201  the result is read from standard output
        json.dumps(
            {
                "pushed": len(outcomes),
                "completed": outcomes.count("completed"),
                "failed": outcomes.count("failed"),
                "lost": sum(outcome not in ENDED for outcome in outcomes),
                "seconds": round(time.monotonic() - started, 1),
            }
        )
    )
    return 0 if outcomes.count("completed") == arguments.tasks else 1


if __name__ == "__main__":
    sys.exit(main())
