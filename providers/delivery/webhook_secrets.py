"""The secrets that webhooks are signed with: derived, so that none is stored.

A secret is HMAC-SHA256 of the owner and a version under a key of ours. Rotating one owner's secret raises its version;
rotating our key puts a new one before the old. Either way both sign until the receivers have changed over.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence

from schemas.delivery import Webhook

PREFIX = "whsec_"
#: How long the version before a rotation signs as well, seconds.
OVERLAP_S = 24 * 3600


def parse_keys(configured: str | None, fallback: bytes) -> tuple[bytes, ...]:
    """What secrets are derived from, the newest first: `configured`, comma-separated, or else `fallback`."""
    keys = tuple(word.strip().encode() for word in (configured or "").split(",") if word.strip())
    return keys or (fallback,)


def secret(key: bytes, owner_id: str, version: int) -> str:
    """An owner's secret as Standard Webhooks write it: `whsec_` and base64 of 32 bytes."""
    digest = hmac.new(key, f"darkroom webhook\n{owner_id}\n{version}".encode(), hashlib.sha256).digest()
    return PREFIX + base64.b64encode(digest).decode()


def valid_secrets(keys: Sequence[bytes], webhook: Webhook, *, now: float | None = None) -> list[str]:
    """Every secret that signs for an owner now, the newest first; `now` in seconds since the epoch."""
    versions = [webhook.version]
    rotated = webhook.rotated_at
    if rotated is not None and (now or time.time()) - rotated.timestamp() < OVERLAP_S:
        versions.append(webhook.version - 1)
    return [secret(key, webhook.owner_id, version) for version in versions for key in keys]


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one signature for each secret, over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_signature(text, signed)}" for text in secrets)


def _signature(text: str, signed: bytes) -> str:
    key = base64.b64decode(text.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
