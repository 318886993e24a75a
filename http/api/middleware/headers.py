"""What every request starts with and every answer ends with."""

from __future__ import annotations

from typing import Any

from falcon.asgi import Request, Response

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Server": "darkroom",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'"


class HeadersMiddleware:
    """Request ids in, security headers out."""

    def __init__(self, *, https: bool) -> None:
        """Tell browsers to stay with https where the service is reached by it."""
        self._headers = _ALWAYS | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})

    async def process_request(self, req: Request, _: Response) -> None:
        """Hand the request id to resources."""
        req.context.request_id = req.scope["darkroom.request_id"]

    async def process_response(self, req: Request, resp: Response, _: Any, __: bool) -> None:  # noqa: FBT001  Falcon calls it
        """Set what the resource has not."""
        for name, value in self._headers.items():
            resp.set_header(name, value)
        for name, value in (("Cache-Control", "no-store"), ("Content-Security-Policy", _NOTHING)):
            if resp.get_header(name) is None:
                resp.set_header(name, value)
        resp.append_header("Vary", "Origin")
        req.scope["darkroom.route"] = req.uri_template
        principal = getattr(req.context, "principal", None)
        req.scope["darkroom.client"] = principal.name if principal else None
