"""Pushes try-on tasks over HTTP from outside, follows them to their end, prints one JSON object.

Needs Python alone, not Darkroom: it stands for a producer elsewhere.
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

#: Seconds a refused call is tried again for: an HTTP service that is being replaced is away for a few.
PATIENCE_S = 60.0
ENDED = {"completed", "failed"}
#: The most sessions that one call lists, and so the most tasks that are followed.
PAGE = 50


class Caller:
    """Calls the service with a token."""

    def __init__(self, url: str, token: str) -> None:
        """Call `url` with `token`."""
        self._url, self._token = url, token

    def call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer; tried again while nobody listens or the service says that it is away."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._once(path, body)
            except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
                away = not isinstance(error, urllib.error.HTTPError) or error.code in {502, 503}
                if not away or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def _once(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  the caller names the service
            self._url + path,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  the same
            found: dict[str, Any] = json.load(answer)
            return found


def push(caller: Caller, asked: argparse.Namespace) -> list[str]:
    """Order `tasks` pictures over `spread` seconds; the ids of their sessions."""
    order = {
        "channel": "b2c",
        "user_id": asked.user,
        "model_image_url": f"{asked.pictures}/person.jpg",
        "outfit_image_url": f"{asked.pictures}/outfit.jpg",
    }
    sessions = []
    for _ in range(asked.tasks):
        sessions.append(caller.call("/generations", order)["session_id"])
        time.sleep(asked.spread / asked.tasks)
    return sessions


def follow(caller: Caller, user: str, sessions: list[str], within_s: float) -> dict[str, str]:
    """How each session ended; those that did not within `within_s` seconds have their last status."""
    deadline = time.monotonic() + within_s
    status = dict.fromkeys(sessions, "queued")
    while time.monotonic() < deadline and not ENDED.issuperset(status.values()):
        time.sleep(1)
        page = caller.call(f"/generations?channel=b2c&user_id={user}&limit={PAGE}")
        status |= {item["session_id"]: item["status"] for item in page["items"] if item["session_id"] in status}
    return status


def main() -> int:
    """Push, follow, print; exit code 1 unless every task completed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--pictures", required=True, help="where workers find person.jpg and outfit.jpg")
    parser.add_argument("--user", default="smoke")
    parser.add_argument("--tasks", type=int, default=20, choices=range(1, PAGE + 1), metavar="1…50")
    parser.add_argument("--spread", type=float, default=0.0, help="seconds over which they are pushed")
    parser.add_argument("--within", type=float, default=180.0, help="seconds they may take to end")
    asked = parser.parse_args()
    started = time.monotonic()
    caller = Caller(asked.url, asked.token_file.read_text().strip())
    status = follow(caller, asked.user, push(caller, asked), asked.within)
    outcomes = list(status.values())
    print(  # noqa: T201  what this is for
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
    return 0 if outcomes.count("completed") == asked.tasks else 1


if __name__ == "__main__":
    sys.exit(main())
