"""API keys and link tokens: JSON Web Tokens signed with one secret."""

from __future__ import annotations

import time
from typing import Any

import jwt

ALGORITHM = "HS256"
ROLES = frozenset({"anon", "authenticated", "service_role"})
#: Lifetime of API keys, as in Supabase.
TEN_YEARS_S = 10 * 365 * 86_400


def issue(secret: str, role: str) -> str:
    """Return an API key of `role`."""
    now = int(time.time())
    claims = {"iss": "supabase", "role": role, "iat": now, "exp": now + TEN_YEARS_S}
    return jwt.encode(claims, secret, ALGORITHM)


def claims_of(secret: str, token: str) -> dict[str, Any]:
    """Return the claims of a token.

    Raises:
        jwt.InvalidTokenError: The token is not signed with `secret`, or has expired.
    """
    claims: dict[str, Any] = jwt.decode(token, secret, [ALGORITHM])
    return claims


def sign_link(secret: str, target: str, lifetime_s: int) -> str:
    """Return a token that gives access to the object `target` for `lifetime_s` seconds."""
    now = int(time.time())
    return jwt.encode({"url": target, "iat": now, "exp": now + lifetime_s}, secret, ALGORITHM)
