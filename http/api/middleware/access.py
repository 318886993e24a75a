"""Who may call: bearer tokens with scopes, some of them bound to one owner."""

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
from api.operations import Described, Operation, Scope
from api.problems import Problem
from api.signed_urls import EventUrls
from providers.rate_limit import RateLimit

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_OWNER = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Scopes of one token are joined by any of these.
_BETWEEN_SCOPES = re.compile(r"[+|\s]+")
MIN_SECRET_CHARS = 8


class TokensError(Exception):
    """API_TOKENS can't be read; the message says why without naming a secret."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls.

    Attributes:
        name: The token's name, for logs and limits.
        scopes: What it may do.
        owner: The only owner it may see and charge; None for all.
    """

    name: str
    scopes: frozenset[Scope]
    owner: str | None = None

    def must_own(self, owner_id: str) -> None:
        """Refuse what belongs to another owner."""
        if self.owner is not None and self.owner != owner_id:
            raise Problem(HTTPStatus.FORBIDDEN, "not_your_owner", "This token may act for its own owner only.")


#: Who calls where no token is configured: somebody on this machine.
LOCAL = Principal("local", frozenset(Scope))
#: Who follows a task by its signed address.
TICKET = Principal("ticket", frozenset({Scope.READ}))
#: Who calls an endpoint that needs no token although others do.
ANYBODY = Principal("anybody", frozenset())


class Tokens:
    """The configured tokens, by the digest of their secret."""

    def __init__(self, one: str | None, several: str | None) -> None:
        """Read API_TOKEN and API_TOKENS.

        Raises:
            TokensError: One of them can't be read.
        """
        entries = [entry.strip() for entry in (several or "").split(",") if entry.strip()]
        self._known = [_token(number, entry) for number, entry in enumerate(entries, 1)]
        if one:
            self._known.append((_digest(one), Principal("token", frozenset(Scope))))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._known)

    def find(self, secret: str) -> Principal | None:
        """Whose secret it is. Takes as long whether and wherever it is found."""
        digest, found = _digest(secret), None
        for known, principal in self._known:
            if hmac.compare_digest(digest, known):
                found = principal
        return found


class AccessMiddleware:
    """Finds out who calls, refuses who may not, and counts the calls of each token."""

    def __init__(
        self,
        tokens: Tokens,
        event_urls: EventUrls,
        limit: RateLimit,
        addresses: Addresses,
        *,
        open_paths: Iterable[str],
    ) -> None:
        """Guard with `tokens`, except for `open_paths`; without tokens pages of `addresses` may call."""
        self._tokens, self._event_urls, self._limit, self._addresses = tokens, event_urls, limit, addresses
        self._open = frozenset(open_paths)

    async def process_resource(self, req: Request, _: Response, resource: Described, params: dict[str, Any]) -> None:
        """Let the call through with `req.context.principal` set, or refuse it."""
        operation = resource.operations.get(req.method)
        if operation is None:  # Falcon's own answer to OPTIONS, or 405
            return
        req.context.principal = LOCAL
        if operation.signed and "signature" in req.params:
            self._event_urls.verify(params["task_id"], req.get_param("expires") or "", req.get_param("signature") or "")
            req.context.principal = TICKET
        elif not self._tokens:
            self._refuse_other_sites(req)
        elif operation.scope is not None:
            await self._admit(req, operation)

    async def _admit(self, req: Request, operation: Operation) -> None:
        principal = self._principal(req)
        if principal is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED, "token_required", "A valid bearer token is required.",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        if principal is not ANYBODY and operation.scope not in principal.scopes:
            raise Problem(HTTPStatus.FORBIDDEN, "scope_missing", f"This token lacks the scope {operation.scope}.")
        name = f"address:{req.remote_addr}" if principal is ANYBODY else principal.name
        if wait_s := await self._limit.retry_after(name):
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", "Too many requests. Please try again later.",
                headers={"Retry-After": str(wait_s)},
            )  # fmt: skip
        req.context.principal = principal

    def _principal(self, req: Request) -> Principal | None:
        scheme, _, secret = (req.get_header("Authorization") or "").partition(" ")
        if scheme.lower() == "bearer" and (found := self._tokens.find(secret.strip())):
            return found
        return ANYBODY if req.path in self._open else None

    def _refuse_other_sites(self, req: Request) -> None:
        # Without tokens everybody on this machine may call, and so could any web page that a browser here has open. The
        # Host header is no proof: a page's own name may be made to resolve to this machine.
        origin = req.get_header("Origin")
        if req.method == "POST" and origin and not self._addresses.allows(origin, req):
            raise Problem(HTTPStatus.FORBIDDEN, "origin_refused", "This origin is not among CORS_ORIGINS.")


def _token(number: int, entry: str) -> tuple[bytes, Principal]:
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
