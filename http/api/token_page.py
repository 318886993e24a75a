"""The page that a browser gets instead of a 401 in JSON."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from api.csp import content_security_policy

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

_PAGE = Template((Path(__file__).parent / "pages" / "token_required.html").read_text())


def answer(req: Request, resp: Response) -> None:
    """Set the page as the body; the caller sets the status."""
    address = escape(f"{req.prefix}{req.path}")
    page = _PAGE.substitute(address=address, path=escape(req.path))
    resp.content_type = "text/html; charset=utf-8"
    resp.set_header("Content-Security-Policy", content_security_policy(page))
    resp.data = page.encode()
