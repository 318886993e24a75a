"""Errors as RFC 9457 problem JSON."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import falcon
import falcon.asgi
import structlog
from falcon.asgi import Request, Response
from pydantic import ValidationError

from api import token_page
from schemas.errors import DarkroomError, Unavailable
from schemas.http import Fault, ProblemBody

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
#: Maximum number of faults in a response, of characters in each of their texts, and of faults that are looked at.
MAX_FAULTS = 20
MAX_FAULT_CHARS = 300
MAX_DESCRIBED = 1000

log = structlog.get_logger(__name__)


class Problem(Exception):  # noqa: N818  named for the response
    """An error response.

    Attributes:
        extra: Additional members of the body.
    """

    def __init__(
        self, status: HTTPStatus, code: str, detail: str, *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        """Create one; `detail` is a sentence for people, `code` is for programs."""
        super().__init__(f"{status.value} {code}")
        self.status, self.code, self.detail = status, code, detail
        self.headers = headers or {}
        self.extra = extra

    def body(self, request_id: str) -> bytes:
        """Return the body."""
        problem = ProblemBody(
            title=self.status.phrase,
            status=self.status.value,
            detail=self.detail,
            code=self.code,
            request_id=request_id,
            **self.extra,
        )
        return problem.model_dump_json(exclude_none=True).encode()


def invalid(error: ValidationError, prefix: str = "#/") -> Problem:
    """Return the 422 with the first faults of a body, or of the query with the prefix `?`."""
    count = error.error_count()
    # Pydantic describes either all faults or none: half a million take ten seconds.
    faults = () if count > MAX_DESCRIBED else _faults(error, prefix)
    sentences = [f"{fault.pointer} {fault.detail}" for fault in faults[:3]] or [f"it has {count} faults"]
    detail = "The request is not valid: " + "; ".join(sentences)
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail[:500], errors=faults[:MAX_FAULTS])


def _faults(error: ValidationError, prefix: str) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            pointer=_cut(prefix + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in item["loc"])),
            detail=_cut(str(item["msg"]).removeprefix("Value error, ")),
            code=item["type"],
        )
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    )


def _cut(text: str) -> str:
    return text if len(text) <= MAX_FAULT_CHARS else text[: MAX_FAULT_CHARS - 1] + "…"


def install(app: falcon.asgi.App[Request, Response]) -> None:
    """Answer every error of `app` with problem JSON."""
    app.add_error_handler(Exception, _unexpected_error)
    app.add_error_handler(falcon.HTTPError, _falcon_error)
    app.add_error_handler(DarkroomError, _darkroom_error)
    app.add_error_handler(Problem, _problem)


async def _problem(req: Request, resp: Response, problem: Problem, _: dict[str, Any]) -> None:
    resp.status = problem.status.value
    resp.set_headers(problem.headers)
    if problem.status is HTTPStatus.UNAUTHORIZED:
        resp.append_header("Vary", "Accept")
        if "text/html" in (req.get_header("Accept") or ""):  # a browser that shows a page to a person
            token_page.answer(req, resp)
            return
    resp.content_type = MEDIA_TYPE
    resp.data = problem.body(req.context.request_id)


async def _darkroom_error(req: Request, resp: Response, error: DarkroomError, params: dict[str, Any]) -> None:
    if isinstance(error, Unavailable):
        status, headers = (
            HTTPStatus.SERVICE_UNAVAILABLE,
            {"Retry-After": str(round(error.retry_after or RETRY_AFTER_S))},
        )
    else:
        status, headers = HTTPStatus.INTERNAL_SERVER_ERROR, {}
    log.error("http_failed", code=error.error_code, error=str(error), **error.details)
    await _problem(req, resp, Problem(status, error.error_code, error.public_message, headers=headers), params)


async def _falcon_error(req: Request, resp: Response, error: falcon.HTTPError, params: dict[str, Any]) -> None:
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    code = status.phrase.lower().replace(" ", "_").replace("-", "_")
    detail = error.description or f"{status.phrase}."
    await _problem(req, resp, Problem(status, code, detail, headers=headers), params)


async def _unexpected_error(req: Request, resp: Response, error: Exception, params: dict[str, Any]) -> None:
    log.error("http_failed", code="internal", exc_info=error)
    problem = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Something went wrong. Please try again later.")
    await _problem(req, resp, problem, params)
