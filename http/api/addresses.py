"""The base URL of links to this service, and the origins that may call it without a token."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from falcon.asgi import Request

#: Hosts that name the caller's own machine; links to them are harmless.
_LOOPBACK = r"localhost|127(?:\.\d{1,3}){3}|\[::1\]"


class Addresses:
    """Chooses the base URL of links.

    A `Host` header can name any server. It is used only if it names this machine, as with a forwarded port, or the
    configured HOST.
    """

    def __init__(self, public_url: str | None, default: str, origins: Iterable[str]) -> None:
        """Configure the base URL and the allowed origins.

        Args:
            public_url: PUBLIC_URL; the base URL if it is set.
            default: The URL of HOST and PORT.
            origins: CORS_ORIGINS, whose pages may call as well as this service's own.
        """
        self._public_url = public_url.rstrip("/") if public_url else None
        self._public_origin = "{0.scheme}://{0.netloc}".format(urlsplit(public_url)) if public_url else None
        self._public_host = urlsplit(public_url).netloc.lower() if public_url else None
        self._default = default
        self._origins = frozenset(origins)
        host = re.escape(urlsplit(default).netloc.rpartition(":")[0])
        self._trusted = re.compile(rf"(?:{_LOOPBACK}|{host})(?::\d{{1,5}})?", re.IGNORECASE)

    def base(self, req: Request) -> str:
        """Return the base URL of links in the response to `req`, without a trailing slash."""
        return self._public_url or self._requested_url(req)

    def serves(self, req: Request) -> bool:
        """Return whether the Host header names this machine, the configured HOST, or PUBLIC_URL."""
        return self._is_trusted(req) or req.netloc.lower() == self._public_host

    def allows(self, origin: str, req: Request) -> bool:
        """Return whether pages of `origin` may call: this service's own and the configured ones."""
        return origin in self._origins or origin in {self._public_origin, self._requested_url(req)}

    def _requested_url(self, req: Request) -> str:
        return req.prefix.rstrip("/") if self._is_trusted(req) else self._default

    def _is_trusted(self, req: Request) -> bool:
        return self._trusted.fullmatch(req.netloc) is not None
