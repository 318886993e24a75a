"""Signed links that expire, and the key that signs them.

A link carries `expires={seconds since the epoch}&signature={base64}`. One key signs every kind of link; each kind has
its own salt, so that a signature made for one kind is not valid for another.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from enum import StrEnum
from pathlib import Path

from itsdangerous import Signer

from providers.data_dir import prepare_data_dir
from schemas.errors import Invalid

#: Length of a generated key in bytes: that of the SHA-256 that it keys.
KEY_BYTES = 32


class LinkKind(StrEnum):
    """The kinds of signed links; the value is the salt."""

    FILE = "darkroom.file"
    EVENTS = "darkroom.events"


class LinkRefused(Invalid):
    """This link is not valid or has expired."""

    code = "link_refused"
    report = False


class LinkSigner:
    """Signs links of one kind and verifies their signatures."""

    def __init__(self, key: bytes, kind: LinkKind) -> None:
        """Sign with `key`.

        Raises:
            Invalid: `key` is empty.
        """
        if not key:
            raise Invalid("links can't be signed with an empty key", code="signing_key")
        self._signer = Signer(key, salt=kind.value, key_derivation="hmac", digest_method=hashlib.sha256)

    def query(self, subject: str, *, lifetime_s: int) -> str:
        """Return the query of a link to `subject` that is valid for `lifetime_s` seconds."""
        expires = str(int(time.time()) + lifetime_s)
        signature = self._signer.get_signature(_signed_text(subject, expires)).decode()
        return f"expires={expires}&signature={signature}"

    def verify(self, subject: str, expires: str, signature: str, *, now: float) -> None:
        """Return if the link to `subject` was signed with this key and kind and is still valid.

        Args:
            subject: What the link leads to, without line breaks.
            expires: The link's parameter, as received.
            signature: The link's parameter, as received.
            now: Seconds since the epoch.

        Raises:
            LinkRefused: `link_invalid` or `link_expired`.
        """
        if not self._signer.verify_signature(_signed_text(subject, expires), signature):
            raise LinkRefused("the signature does not match", code="link_invalid")
        if now >= int(expires):
            raise LinkRefused("the link has expired", code="link_expired")


def signing_key(data_dir: Path, configured: str | None) -> bytes:
    """Return the key to sign with; generate it on first use if none is configured.

    Args:
        data_dir: Folder of the generated key, which only its owner can read.
        configured: `SIGNING_KEY`, if set.
    """
    if configured:
        return configured.encode()
    path = data_dir / "signing.key"
    prepare_data_dir(data_dir)
    candidate = data_dir / f"signing.key.{os.getpid()}.{secrets.token_hex(4)}"
    if not path.exists():
        with os.fdopen(os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(KEY_BYTES))
        # Several processes may generate a key at once: the first one to link its file wins, and all read that file.
        try:
            os.link(candidate, path)
        except FileExistsError:
            pass
        finally:
            candidate.unlink()
    return path.read_text().strip().encode()


def _signed_text(subject: str, expires: str) -> bytes:
    return f"{subject}\n{expires}".encode(errors="replace")
