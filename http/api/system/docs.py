"""`/docs`: the API description as a self-contained page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any, ClassVar

from falcon.asgi import Request, Response

from api.operations import Media, Operation, Scope

_PAGE = Template((Path(__file__).parent / "pages" / "docs.html").read_text())
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


class Docs:
    """The API description as a page."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("The API description as a page.", {200: Media("text/html")}, scope=Scope.READ)
    }

    def __init__(self) -> None:
        """Create an empty page; `describe` fills it."""
        self._page = b""
        self._policy = ""

    def describe(self, document: dict[str, Any]) -> None:
        """Render an OpenAPI document."""
        page = _PAGE.substitute(
            description=escape(document["info"]["description"]),
            calls="\n".join(
                _call(path, method, call) for path, calls in document["paths"].items() for method, call in calls.items()
            ),
            schemas="\n".join(_schema(name, schema) for name, schema in document["components"]["schemas"].items()),
        )
        styles = (hashlib.sha256(style.encode()).digest() for style in _STYLE.findall(page))
        sources = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in styles)
        self._policy = f"default-src 'none'; style-src {sources}; frame-ancestors 'none'"
        self._page = page.encode()

    async def on_get(self, _: Request, resp: Response) -> None:
        """Return the page."""
        resp.content_type = "text/html; charset=utf-8"
        resp.set_header("Content-Security-Policy", self._policy)
        resp.data = self._page


def _call(path: str, method: str, call: dict[str, Any]) -> str:
    content = call.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = "".join(
        f"<h4>{escape(title)}</h4><pre>{escape(json.dumps(example['value'], indent=2, ensure_ascii=False))}</pre>"
        for title, example in content.get("examples", {}).items()
    )
    body = f"<p>Body: {_link(content['schema'])}</p>" if content else ""
    return (
        f'<section id="{escape(call["operationId"])}"><h3><b>{method.upper()}</b> <code>{escape(path)}</code></h3>'
        f"<p>{escape(call['summary'])} {escape(call.get('description', '')).replace('`', '')}</p>"
        f"{_parameters(call['parameters'])}{body}{examples}{_answers(call['responses'])}</section>"
    )


def _parameters(parameters: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(item['name'])}</code><td>{escape(item['in'])}<td>{escape(item.get('description', ''))}"
        for item in parameters
    )
    return f"<table><tr><th>Parameter<th>In<th>Description{rows}</table>" if rows else ""


def _answers(responses: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{status}<td>{escape(answer['description'])}<td>"
        + ", ".join(f"{escape(media)} {_link(it['schema'])}" for media, it in answer.get("content", {}).items())
        for status, answer in responses.items()
    )
    return f"<table><tr><th>Status<th>Meaning<th>Body{rows}</table>"


def _schema(name: str, schema: dict[str, Any]) -> str:
    text = json.dumps({key: value for key, value in schema.items() if key != "title"}, indent=2, ensure_ascii=False)
    return f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3><pre>{escape(text)}</pre></section>'


def _link(schema: dict[str, Any]) -> str:
    name = escape(schema.get("$ref", "").rpartition("/")[2])
    return f'<a href="#schema-{name}">{name}</a>' if name else ""
