"""Simulated failures and latency of the mock provider, set by shares or by markers in a prompt.

Markers are `[mock:moderation]` (this failure on every attempt), `[mock:server_error=2]` (only the first two attempts),
`[mock:latency=2.5]` (seconds) and `[mock:plain]` (a tiny one-coloured picture, for measurements without drawing).
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import TYPE_CHECKING

from schemas.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from providers.images.base import ImageRequest

_MARKER = re.compile(r"\[mock:(?P<word>[a-z_]{1,20})(?:=(?P<value>[0-9]{1,6}(?:\.[0-9]{1,6})?))?\]")


class MockFailure(StrEnum):
    """Simulated provider failures."""

    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    MODERATION = "moderation"
    HANG = "hang"
    EMPTY = "empty"


def checked_shares(shares: Mapping[str, float]) -> dict[MockFailure, float]:
    """Return the validated share of calls, 0 to 1, for each failure.

    Raises:
        Invalid: A kind is unknown, a share is negative, or the sum exceeds 1.
    """
    unknown = sorted(set(shares) - set(MockFailure))
    if unknown:
        raise Invalid(f"no such mock failure: {', '.join(unknown)}", code="mock_failures")
    if min(shares.values(), default=0) < 0 or sum(shares.values()) > 1:
        raise Invalid("shares of mock failures are 0 to 1, and no more than 1 together", code="mock_failures")
    return {kind: shares[kind] for kind in MockFailure if kind in shares}


def chosen_failure(request: ImageRequest, shares: Mapping[MockFailure, float], seed: int) -> MockFailure | None:
    """Return the failure of this call, or None; determined by the seed, task, picture and attempt."""
    markers = _markers(request.prompt)
    for kind in MockFailure:
        if kind in markers and request.attempt < (markers[kind] or float("inf")):
            return kind
    key = f"{seed}:{request.task_id}:{request.index}:{request.attempt}"
    left = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
    for kind, share in shares.items():
        left -= share
        if left < 0:
            return kind
    return None


def chosen_latency_s(request: ImageRequest, default_s: float) -> float:
    """Return the latency of the call in seconds."""
    requested_s = _markers(request.prompt).get("latency")
    return default_s if requested_s is None else requested_s


def wants_plain(request: ImageRequest) -> bool:
    """Return whether the prompt requests a plain picture instead of a drawing."""
    return "plain" in _markers(request.prompt)


def without_markers(prompt: str) -> str:
    """Return the prompt without its markers."""
    return " ".join(_MARKER.sub(" ", prompt).split())


def _markers(prompt: str) -> dict[str, float | None]:
    found = _MARKER.finditer(prompt)
    return {match["word"]: float(match["value"]) if match["value"] else None for match in found}
