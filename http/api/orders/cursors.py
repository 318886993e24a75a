"""Cursors of pages: where a page ended, opaque to callers."""

from __future__ import annotations

from http import HTTPStatus

from itsdangerous import BadData
from itsdangerous.encoding import base64_decode, base64_encode
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from api.problems import Problem
from schemas.common import Id

_PLACE: TypeAdapter[tuple[AwareDatetime, Id]] = TypeAdapter(tuple[AwareDatetime, Id])


def encode(at: str, session_id: str) -> str:
    """The cursor after this session; `at` is ISO 8601."""
    place = _PLACE.validate_python((at, session_id))
    return base64_encode(_PLACE.dump_json(place)).decode()


def decode(cursor: str) -> tuple[str, str]:
    """`at` and the id of the session that a page ended with; a `Problem` if it is no cursor of ours."""
    try:
        at, session_id = _PLACE.validate_json(base64_decode(cursor))
    except (BadData, ValidationError):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "cursor_invalid", "The cursor is not valid.") from None
    return at.isoformat(), session_id
