"""Page cursors: the position of the last session of a page, opaque to callers. They hold nothing secret."""

from __future__ import annotations

from http import HTTPStatus

from itsdangerous import BadData
from itsdangerous.encoding import base64_decode, base64_encode
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from api.problems import Problem
from schemas.common import Id

_POSITION: TypeAdapter[tuple[AwareDatetime, Id]] = TypeAdapter(tuple[AwareDatetime, Id])


def encode(at: str, session_id: str) -> str:
    """Return the cursor of the page that follows this session; `at` is ISO 8601."""
    position = _POSITION.validate_python((at, session_id))
    return base64_encode(_POSITION.dump_json(position)).decode()


def decode(cursor: str) -> tuple[str, str]:
    """Return `at` and the id of the session that the previous page ended with.

    Raises:
        Problem: 422 `cursor_invalid`.
    """
    try:
        at, session_id = _POSITION.validate_json(base64_decode(cursor))
    except (BadData, ValidationError):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "cursor_invalid", "The cursor is not valid.") from None
    return at.isoformat(), session_id
