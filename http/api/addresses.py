"""The address that links of this service start with, and the origins that may call without a token."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from falcon.asgi import Request

#: Names that lead to the caller's own machine: links that start with them harm nobody.
_LOOPBACK = r"localhost|127(?:\.\d{1,3}){3}|\[::1\]"


class Addresses:
    """Chooses the address that links start with.

    A `Host` header can name any server. It is followed only where it names this machine, as with a forwarded port, or
    the configured HOST.
    """

    def __init__(self, public_url: str | None, default: str, origins: Iterable[str]) -> None:
        """Start links with `public_url` where it is set; `default` is the address of HOST and PORT.

        Pages of `origins` may call, too.
        """
        self._public_url = public_url.rstrip("/") if public_url else None
        self._public_origin = "{0.scheme}://{0.netloc}".format(urlsplit(public_url)) if public_url else None
        self._default = default
        self._origins = frozenset(origins)
        host = re.escape(urlsplit(default).netloc.rpartition(":")[0])
        self._trusted = re.compile(rf"(?:{_LOOPBACK}|{host})(?::\d{{1,5}})?", re.IGNORECASE)

    def base(self, req: Request) -> str:
        """Return the address that links in the answer to `req` start with, without a slash at its end."""
        return self._public_url or self._reached_by(req)

    def allows(self, origin: str, req: Request) -> bool:
        """Return whether pages of `origin` may call: our own, and those that are configured."""
        return origin in self._origins or origin in {self._public_origin, self._reached_by(req)}

    def _reached_by(self, req: Request) -> str:
        return req.prefix.rstrip("/") if self._trusted.fullmatch(req.netloc) else self._default
