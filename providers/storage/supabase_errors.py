"""Map errors of Supabase Storage to Darkroom errors.

Storage responds to every error with HTTP 400 and puts the actual status into the body, as
`{"statusCode": "409", "error": "Duplicate", "message": …}`. A gateway in front of it uses the HTTP status. While
Storage is away some gateways answer 404, others 400 or a redirect: a paid picture waits for Storage instead of failing.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from schemas.errors import DarkroomError, Invalid, Unavailable

if TYPE_CHECKING:
    from storage3.exceptions import StorageApiError

DUPLICATE = "object_exists"
_EXISTS = frozenset({"Duplicate", "KeyAlreadyExists", "ResourceAlreadyExists", "BucketAlreadyExists"})
_BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.LOCKED, HTTPStatus.TOO_MANY_REQUESTS})

#: Storage's own answers while its database or its tenant is away, whatever their status.
_AWAY = frozenset({"DatabaseTimeout", "DatabaseError", "TenantNotFound", "InternalError", "SlowDown"})
#: How storage3 begins the message of an answer that is not Storage's: a gateway's, while Storage is away.
_NOT_STORAGE = "Unable to parse error message"
#: Statuses of gateways that no waiting changes: the key is refused, the picture is too large.
_GATEWAY_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})

_KEY = ("key_refused", "storage: SUPABASE_SERVICE_ROLE_KEY is not accepted, or not the service role's")
_REFUSALS: dict[int, tuple[str, str]] = {
    HTTPStatus.NOT_FOUND: ("object_missing", "there is no such object in {bucket}"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "object_too_large",
        "the object is larger than {bucket} allows: raise its file size limit",
    ),
    HTTPStatus.UNAUTHORIZED: _KEY,
    HTTPStatus.FORBIDDEN: _KEY,
}


def storage_error(error: StorageApiError, bucket: str) -> DarkroomError:
    """Return the Darkroom error for a Storage error; the message never contains a path."""
    status = int(error.status) if str(error.status).isdigit() else 0
    if error.code in _EXISTS:
        return Invalid(f"storage: there is such an object in {bucket} already", code=DUPLICATE)
    if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(f"storage: {error.code}", code="storage_unavailable", http_status=status)
    gateway = error.message.startswith(_NOT_STORAGE)
    if (gateway and status not in _GATEWAY_REFUSALS) or (not gateway and error.code in _AWAY):
        return Unavailable(f"storage: {error.code}", code="storage_unavailable", http_status=status)
    if status == HTTPStatus.NOT_FOUND and "bucket" in error.message.lower():
        hint = f"the bucket {bucket} does not exist: `python manage.py migrate --buckets` makes it"
        return Invalid(hint, code="bucket_missing")
    code, message = _REFUSALS.get(status, ("storage_refused", f"storage refused: {error.code}"))
    return Invalid(message.format(bucket=bucket), code=code, http_status=status)


def is_duplicate(error: DarkroomError) -> bool:
    """Return whether the object or bucket already existed."""
    return error.error_code == DUPLICATE
