"""Cursors of pages: where a page ended, opaque to callers."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from api.problems import Problem
from schemas.common import Id

_PLACE: TypeAdapter[tuple[AwareDatetime, Id]] = TypeAdapter(tuple[AwareDatetime, Id])


def encode(at: str, session_id: str) -> str:
    """The cursor after this session; `at` is ISO 8601."""
    place = _PLACE.validate_python((at, session_id))
    return base64.urlsafe_b64encode(_PLACE.dump_json(place)).decode().rstrip("=")


def decode(cursor: str) -> tuple[str, str]:
    """`at` and the id of the session that a page ended with; a `Problem` if it is no cursor of ours."""
    try:
        at, session_id = _PLACE.validate_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValidationError):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "cursor_invalid", "The cursor is not valid.") from None
    return at.isoformat(), session_id
