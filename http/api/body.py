"""Request bodies: limited in size while they are received, and parsed into models."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

from falcon.asgi import Request
from pydantic import BaseModel, ValidationError

from api import problems
from api.problems import Problem

#: Bodies above this size, in bytes, are parsed in a thread.
INLINE_BYTES = 16_384

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


class Stream(Protocol):
    """A body, or a part of one."""

    async def read(self, size: int | None = None, /) -> bytes:
        """Return at most `size` bytes; none at the end."""


async def receive_at_most(stream: Stream, limit: int) -> bytes:
    """Return the whole of `stream`.

    Raises:
        Problem: 413: it has more than `limit` bytes; no more are received.
    """
    data = bytearray()
    while chunk := await stream.read(limit + 1 - len(data)):
        data += chunk
        if len(data) > limit:
            raise too_large(limit)
    return bytes(data)


async def read(req: Request, model: type[Model], *, max_bytes: int | None = None) -> Model:
    """Parse the body, of at most `max_bytes` if that is less than the service's limit.

    Raises:
        Problem: 400 `no_json`, 413, or 422 with the faults.
    """
    if req.content_length is None and not req.get_header("Transfer-Encoding"):
        raise _no_json()
    data = await (req.stream.read() if max_bytes is None else receive_at_most(req.stream, max_bytes))
    try:
        if len(data) > INLINE_BYTES:
            return await asyncio.to_thread(model.model_validate_json, data)
        return model.model_validate_json(data)
    except ValidationError as error:
        if (
            error.error_count() == 1
            and error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid"
        ):
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
