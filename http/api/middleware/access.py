"""Authentication with bearer tokens, which have scopes and may be bound to one owner."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from falcon.asgi import Request, Response

from api.addresses import Addresses
from api.client_address import client_group
from api.operations import Described, Operation, Scope
from api.problems import Problem
from api.signed_urls import EventUrls
from providers.environment import MIN_SECRET_CHARS
from providers.rate_limit import RateLimit

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_OWNER = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Separators between the scopes of one token.
_BETWEEN_SCOPES = re.compile(r"[+|\s]+")
#: Requests with an unknown or missing token per minute and address, before they are answered 429.
WRONG_TOKENS_PER_MINUTE = 60


class TokensError(Exception):
    """API_TOKENS is malformed; the message says why without any secret."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller.

    Attributes:
        name: Name of the token, for logs and rate limits.
        scopes: Scopes of the token.
        owner: The only owner that the caller may see and charge; None for all owners.
    """

    name: str
    scopes: frozenset[Scope]
    owner: str | None = None

    def must_own(self, owner_id: str) -> None:
        """Return if the caller may act for `owner_id`.

        Raises:
            Problem: 403 `not_your_owner`.
        """
        if self.owner is not None and self.owner != owner_id:
            raise Problem(HTTPStatus.FORBIDDEN, "not_your_owner", "This token may act for its own owner only.")


#: Every caller while no token is configured; the service then listens on this machine only.
LOCAL = Principal("local", frozenset(Scope))
#: A caller with the signed URL of a task's events.
SIGNED_URL = Principal("signed_url", frozenset({Scope.READ}))
#: A caller without a token, of a path that needs none.
ANONYMOUS = Principal("anonymous", frozenset())


class ApiTokens:
    """The configured tokens, identified by the digest of their secrets."""

    def __init__(self, api_token: str | None, api_tokens: str | None) -> None:
        """Parse API_TOKEN and API_TOKENS.

        Raises:
            TokensError: An entry of API_TOKENS is malformed.
        """
        entries = [entry.strip() for entry in (api_tokens or "").split(",") if entry.strip()]
        self._known = [_parse_token(number, entry) for number, entry in enumerate(entries, 1)]
        if api_token:
            self._known.append((_digest(api_token), Principal("token", frozenset(Scope))))

    def __bool__(self) -> bool:
        """Return whether any token is configured."""
        return bool(self._known)

    def find(self, secret: str) -> Principal | None:
        """Return the principal of `secret`, or None; the time taken does not depend on the result."""
        digest, found = _digest(secret), None
        for known, principal in self._known:
            if hmac.compare_digest(digest, known):
                found = principal
        return found


class AccessMiddleware:
    """Authenticates callers, checks scopes and enforces the rate limit."""

    def __init__(  # noqa: PLR0913  what decides about a call
        self,
        tokens: ApiTokens,
        event_urls: EventUrls,
        limit: RateLimit,
        wrong_tokens: RateLimit,
        addresses: Addresses,
        *,
        open_paths: Iterable[str],
    ) -> None:
        """Require one of `tokens`.

        Args:
            tokens: The configured tokens; without any, every caller on this machine is allowed.
            event_urls: Verifies signed URLs.
            limit: Rate limit per token, or per address for callers without one.
            wrong_tokens: Rate limit per address for requests with an unknown token or none.
            addresses: Decides which hosts and web pages are accepted while there are no tokens.
            open_paths: Paths that need no token.
        """
        self._tokens, self._event_urls, self._addresses = tokens, event_urls, addresses
        self._limit, self._wrong_tokens = limit, wrong_tokens
        self._open = frozenset(open_paths)

    async def process_resource(self, req: Request, _: Response, resource: Described, params: dict[str, Any]) -> None:
        """Set `req.context.principal`.

        Raises:
            Problem: 401, 403 or 429.
        """
        operation = resource.operations.get(req.method)
        if operation is None:  # answered by Falcon: OPTIONS, or 405
            return
        req.context.principal = LOCAL
        if operation.signed and "signature" in req.params:
            self._event_urls.verify(params["task_id"], req.get_param("expires") or "", req.get_param("signature") or "")
            req.context.principal = SIGNED_URL
        elif not self._tokens:
            self._refuse_foreign_page(req, operation)
        elif operation.scope is not None:
            await self._authorize(req, operation)

    async def _authorize(self, req: Request, operation: Operation) -> None:
        principal = self._principal(req)
        if principal is None:
            # A known token is never refused for the wrong ones of other callers at its address.
            await _count(self._wrong_tokens, f"wrong-token:{client_group(req.remote_addr)}")
            raise Problem(
                HTTPStatus.UNAUTHORIZED, "token_required", "A valid bearer token is required.",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        if principal is not ANONYMOUS and operation.scope not in principal.scopes:
            raise Problem(HTTPStatus.FORBIDDEN, "scope_missing", f"This token lacks the scope {operation.scope}.")
        anonymous = principal is ANONYMOUS
        await _count(self._limit, f"address:{client_group(req.remote_addr)}" if anonymous else principal.name)
        req.context.principal = principal

    def _principal(self, req: Request) -> Principal | None:
        scheme, _, secret = (req.get_header("Authorization") or "").partition(" ")
        if scheme.lower() == "bearer" and (found := self._tokens.find(secret.strip())):
            return found
        return ANONYMOUS if req.path in self._open else None

    def _refuse_foreign_page(self, req: Request, operation: Operation) -> None:
        # Without tokens any web page open in a browser on this machine could call, also from a name of its own that
        # resolves to this machine.
        if operation.scope is not None and not self._addresses.serves(req):
            raise Problem(
                HTTPStatus.FORBIDDEN, "host_refused",
                "Without tokens the Host header must name this machine or PUBLIC_URL.",
            )  # fmt: skip
        origin = req.get_header("Origin")
        if req.method == "POST" and origin and not self._addresses.allows(origin, req):
            raise Problem(HTTPStatus.FORBIDDEN, "origin_refused", "This origin is not among CORS_ORIGINS.")


async def _count(limit: RateLimit, name: str) -> None:
    if wait_s := await limit.retry_after(name):
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", "Too many requests. Please try again later.",
            headers={"Retry-After": str(wait_s)},
        )  # fmt: skip


def _parse_token(number: int, entry: str) -> tuple[bytes, Principal]:
    name, scopes, secret, owner = [*entry.split(":", 3), "", "", ""][:4]
    faults = [
        *([] if _NAME.fullmatch(name) else ["its name"]),
        *([] if len(secret) >= MIN_SECRET_CHARS else [f"its secret (at least {MIN_SECRET_CHARS} characters)"]),
        *([] if not owner or _OWNER.fullmatch(owner) else ["its owner"]),
    ]
    words = [word for word in _BETWEEN_SCOPES.split(scopes) if word]
    if not words or any(word not in set(Scope) for word in words):
        faults.append("its scopes (produce, read, operate; joined by +)")
    if faults:
        raise TokensError(f"API_TOKENS: entry {number} is wrong in {', '.join(faults)}; name:scopes:secret[:owner]")
    return _digest(secret), Principal(name, frozenset(map(Scope, words)), owner or None)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
