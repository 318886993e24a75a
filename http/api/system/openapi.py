"""`/openapi.json`: OpenAPI 3.1, generated from the models and operations that serve the calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from falcon.asgi import Request, Response
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.operations import Described, Media, Operation, Scope
from api.problems import MEDIA_TYPE
from schemas.http import ProblemBody

_REF = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
#: Errors of every call: a malformed request, an internal error.
_ALWAYS = (400, 500)
_WITH_SCOPE = (401, 403, 429)
_RETRY = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}
_REQUEST_ID = {
    "X-Request-ID": {"description": "Id of the request, taken over or generated", "schema": {"type": "string"}}
}
_SIGNED = (
    ("expires", "Expiry of the link, in seconds since the epoch"),
    ("signature", "Signature of the task and the expiry"),
)


class OpenApi:
    """The API description."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("The API description as OpenAPI 3.1.", {200: Media("application/json")}, scope=Scope.READ)
    }

    def __init__(self) -> None:
        """Create an empty document; `describe` fills it."""
        self.document: dict[str, Any] = {}
        self._bytes = b""

    def describe(self, routes: Iterable[tuple[str, Described]], *, server: str) -> None:
        """Describe `routes` at the base URL `server`."""
        self.document = document(routes, server)
        self._bytes = orjson.dumps(self.document)

    async def on_get(self, _: Request, resp: Response) -> None:
        """Return the document."""
        resp.content_type = "application/json"
        resp.data = self._bytes


def document(routes: Iterable[tuple[str, Described]], server: str) -> dict[str, Any]:
    """Return the OpenAPI document of `routes`."""
    calls = [(path, method, operation) for path, it in routes for method, operation in it.operations.items()]
    models = {ProblemBody} | {model for _, _, operation in calls for model in _models(operation)}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation in calls:
        paths.setdefault(_PARAMETER.sub(r"{\1}", path), {})[method.lower()] = _call(path, method, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Darkroom",
            "version": "1",
            "description": "Orders pictures, reports progress. Every task ends completed, or failed and refunded once.",
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models(operation: Operation) -> set[type[BaseModel]]:
    answers = {model for model in operation.answers.values() if isinstance(model, type)}
    return answers | ({operation.body} if operation.body else set())


def _call(path: str, method: str, operation: Operation) -> dict[str, Any]:
    name = "_".join([method.lower(), *re.findall(r"[a-z]\w*", path)])
    call: dict[str, Any] = {
        "operationId": name,
        "summary": operation.summary,
        "responses": _responses(operation),
        "parameters": [*_path_parameters(path), *_query_parameters(operation), *_header_parameters(operation)],
        "security": [{"token": []}] if operation.scope else [],
    }
    if operation.scope:
        call["description"] = f"Needs a token with the scope `{operation.scope}` if tokens are configured."
    if operation.signed:
        call["security"].append({})
    if operation.body:
        content: dict[str, Any] = {"schema": _ref(operation.body)}
        if operation.examples:
            content["examples"] = {title: {"value": value} for title, value in operation.examples.items()}
        call["requestBody"] = {"required": True, "content": {"application/json": content}}
    return call


def _responses(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, answer in operation.answers.items():
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "headers": _REQUEST_ID} | _content(answer)
    for status in (*_ALWAYS, *(_WITH_SCOPE if operation.scope else ()), *operation.problems):
        problem = {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": _ref(ProblemBody)}}}
        headers = _REQUEST_ID | (_RETRY if status in {429, 503} else {})
        responses.setdefault(str(status), problem | {"headers": headers})
    return dict(sorted(responses.items()))


def _content(answer: type[BaseModel] | Media | None) -> dict[str, Any]:
    if answer is None:
        return {}
    if isinstance(answer, Media):
        schema = {"type": "string"} if answer.text and answer.type != "application/json" else {}
        return {"content": {answer.type: {"schema": schema}}}
    return {"content": {"application/json": {"schema": _ref(answer)}}}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in _PARAMETER.findall(path)]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    signed = [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
        for name, text in (_SIGNED if operation.signed else ())
    ]
    if operation.query is None:
        return signed
    fields = operation.query.model_json_schema()["properties"]
    return signed + [
        {"name": name, "in": "query", "description": schema.get("description", ""), "schema": _plain(schema)}
        for name, schema in fields.items()
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    # A parameter is absent or has a value; null can't be sent.
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    return (
        choices[0] if choices else {key: value for key, value in schema.items() if key not in {"title", "description"}}
    )


def _header_parameters(operation: Operation) -> list[dict[str, Any]]:
    if 202 not in operation.answers:  # noqa: PLR2004  orders, which can be repeated
        return []
    schema = {"type": "string", "pattern": "^[!-~]{1,255}$"}
    text = "Makes the call repeatable: for a day, the same key and body get the first answer"
    return [{"name": "Idempotency-Key", "in": "header", "description": text, "schema": schema}]


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
