"""How the mock provider is told to misbehave: by shares, or by markers in one task's prompt.

Markers are `[mock:moderation]` (that failure, every time), `[mock:server_error=2]` (only the first two attempts),
`[mock:latency=2.5]` (seconds) and `[mock:plain]` (a tiny one-coloured picture, where drawing would spoil a figure).
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
    """What can go wrong with a provider."""

    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    MODERATION = "moderation"
    HANG = "hang"
    EMPTY = "empty"


def checked_shares(shares: Mapping[str, float]) -> dict[MockFailure, float]:
    """The share of calls that fail in each way, 0 to 1.

    Raises:
        Invalid: A kind is unknown, a share is negative, or they are more than 1 together.
    """
    unknown = sorted(set(shares) - set(MockFailure))
    if unknown:
        raise Invalid(f"no such mock failure: {', '.join(unknown)}", code="mock_failures")
    if min(shares.values(), default=0) < 0 or sum(shares.values()) > 1:
        raise Invalid("shares of mock failures are 0 to 1, and no more than 1 together", code="mock_failures")
    return {kind: shares[kind] for kind in MockFailure if kind in shares}


def chosen_failure(request: ImageRequest, shares: Mapping[MockFailure, float], seed: int) -> MockFailure | None:
    """How this call fails, if it does; the same for the same seed, task, picture and attempt."""
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
    """How long the call takes, seconds."""
    asked = _markers(request.prompt).get("latency")
    return default_s if asked is None else asked


def wants_plain(request: ImageRequest) -> bool:
    """Whether the prompt asks for a picture that costs nothing to draw."""
    return "plain" in _markers(request.prompt)


def without_markers(prompt: str) -> str:
    """The prompt as a person wrote it."""
    return " ".join(_MARKER.sub(" ", prompt).split())


def _markers(prompt: str) -> dict[str, float | None]:
    found = _MARKER.finditer(prompt)
    return {match["word"]: float(match["value"]) if match["value"] else None for match in found}
