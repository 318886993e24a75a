"""Request bodies: limited in size while they are received, and parsed into models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

from falcon.asgi import Request
from pydantic import BaseModel, ValidationError

from api import problems
from api.problems import Problem

Receive = Callable[[], Awaitable[dict[str, Any]]]
Model = TypeVar("Model", bound=BaseModel)


def too_large(limit: int) -> Problem:
    """Return the 413 for a body larger than `limit` bytes."""
    detail = f"The request's body is larger than {limit} bytes."
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", detail, headers={"Connection": "close"})


def bounded(receive: Receive, limit: int) -> Receive:
    """Return a `receive` that refuses a body of more than `limit` bytes, and one that ends early.

    gunicorn passes a truncated body to the application as if it were complete.

    Raises:
        Problem: The returned callable raises 413 `body_too_large` or 400 `body_incomplete`.
    """
    received = 0
    complete = False

    async def receive_bounded() -> dict[str, Any]:
        nonlocal received, complete
        event = await receive()
        if complete:
            return event
        if event["type"] == "http.disconnect":
            raise Problem(HTTPStatus.BAD_REQUEST, "body_incomplete", "The request's body was cut short.")
        received += len(event.get("body", b""))
        if received > limit:
            raise too_large(limit)
        complete = not event.get("more_body", False)
        return event

    return receive_bounded


async def read(req: Request, model: type[Model]) -> Model:
    """Parse the body.

    Raises:
        Problem: 400 `no_json`, or 422 with every fault.
    """
    if req.content_length is None and not req.get_header("Transfer-Encoding"):
        raise _no_json()
    try:
        return model.model_validate_json(await req.stream.read())
    except ValidationError as error:
        if any(item["type"] == "json_invalid" for item in error.errors(include_url=False, include_input=False)):
            raise _no_json() from None
        raise problems.invalid(error) from None


def read_query(req: Request, model: type[Model]) -> Model:
    """Parse the query; a repeated parameter is a fault.

    Raises:
        Problem: 422 with every fault.
    """
    try:
        return model.model_validate(req.params)
    except ValidationError as error:
        raise problems.invalid(error, "?") from None


def _no_json() -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "no_json", "The request's body is not JSON.")
