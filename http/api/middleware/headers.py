"""Request ids for resources, and security headers for responses."""

from __future__ import annotations

from typing import Any

from falcon.asgi import Request, Response

_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Server": "darkroom",
}
_DEFAULT_POLICY = "default-src 'none'; frame-ancestors 'none'"


class HeadersMiddleware:
    """Adds the request id to the context and security headers to the response."""

    def __init__(self, *, https: bool) -> None:
        """Send Strict-Transport-Security if the public URL is `https`."""
        self._headers = _SECURITY_HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})

    async def process_request(self, req: Request, _: Response) -> None:
        """Set `req.context.request_id`."""
        req.context.request_id = req.scope["darkroom.request_id"]

    async def process_response(self, req: Request, resp: Response, _: Any, __: bool) -> None:  # noqa: FBT001  Falcon calls it
        """Set the headers that the resource has not set, and record route and client for the access log."""
        for name, value in self._headers.items():
            resp.set_header(name, value)
        for name, value in (("Cache-Control", "no-store"), ("Content-Security-Policy", _DEFAULT_POLICY)):
            if resp.get_header(name) is None:
                resp.set_header(name, value)
        resp.append_header("Vary", "Origin")
        req.scope["darkroom.route"] = req.uri_template
        principal = getattr(req.context, "principal", None)
        req.scope["darkroom.client"] = principal.name if principal else None
