"""Decodes the picture in a provider's answer."""

from __future__ import annotations

import base64
import binascii

from providers.images import errors as faults

#: Maximum size of an answer, bytes: several times the base64 of a picture of 4096 by 4096 pixels.
MAX_ANSWER_BYTES = 40_000_000
_MAX_URL_CHARS = 4096
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF")


def decode_picture(provider: str, text: str, *, is_url: bool, cost_usd: float) -> tuple[bytes | None, str | None]:
    """Return the picture's bytes, or else its address, from base64, a data URL or an address.

    Raises:
        Ambiguous: `bad_picture`: the text is none of these.
    """
    if is_url and text.startswith("data:image/") and ";base64," in text:
        text = text.split(";base64,", 1)[1]
    elif is_url:
        if not text.lower().startswith(("https://", "http://")) or len(text) > _MAX_URL_CHARS:
            raise faults.no_picture(provider, "the picture's address is invalid", code="bad_picture", cost_usd=cost_usd)
        return None, text
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        data = b""
    return check_picture(provider, data, cost_usd=cost_usd), None


def check_picture(provider: str, data: bytes, *, cost_usd: float) -> bytes:
    """Return the bytes of a picture.

    Raises:
        Ambiguous: `bad_picture`: they are not a JPEG, PNG or WebP.
    """
    if not data.startswith(_MAGIC):
        raise faults.no_picture(provider, "the picture can't be decoded", code="bad_picture", cost_usd=cost_usd)
    return data
