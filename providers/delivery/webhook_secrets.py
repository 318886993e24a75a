"""Webhook signing secrets, derived on demand instead of stored.

A secret is the HMAC-SHA256 of the owner id and a version under a configured key. Rotating an owner's secret increments
its version; rotating the key prepends a new one. Old and new secrets both sign until the receivers have switched.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence

from schemas.delivery import Webhook

PREFIX = "whsec_"
#: Seconds for which the previous version still signs after a rotation.
OVERLAP_S = 24 * 3600


def parse_keys(configured: str | None, fallback: bytes) -> tuple[bytes, ...]:
    """Return the derivation keys, newest first: the comma-separated `configured`, or `fallback` if it is empty."""
    keys = tuple(word.strip().encode() for word in (configured or "").split(",") if word.strip())
    return keys or (fallback,)


def secret(key: bytes, owner_id: str, version: int) -> str:
    """Return an owner's secret in the Standard Webhooks format: `whsec_` and 32 bytes in base64."""
    digest = hmac.new(key, f"darkroom webhook\n{owner_id}\n{version}".encode(), hashlib.sha256).digest()
    return PREFIX + base64.b64encode(digest).decode()


def valid_secrets(keys: Sequence[bytes], webhook: Webhook, *, now: float | None = None) -> list[str]:
    """Return the secrets that sign for an owner, newest first; `now` is in seconds since the epoch."""
    versions = [webhook.version]
    rotated = webhook.rotated_at
    if rotated is not None and (now or time.time()) - rotated.timestamp() < OVERLAP_S:
        versions.append(webhook.version - 1)
    return [secret(key, webhook.owner_id, version) for version in versions for key in keys]


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` header: one signature of `id.timestamp.body` per secret."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_signature(key_text, signed)}" for key_text in secrets)


def _signature(key_text: str, signed: bytes) -> str:
    key = base64.b64decode(key_text.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
