"""What Supabase Storage's errors mean.

It answers HTTP 400 whatever happened; what really happened is in the body, as
`{"statusCode": "409", "error": "Duplicate", "message": …}`. A gateway before it answers with real statuses.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from schemas.errors import DarkroomError, Invalid, Unavailable

if TYPE_CHECKING:
    from storage3.exceptions import StorageApiError

DUPLICATE = "object_exists"
_BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.LOCKED, HTTPStatus.TOO_MANY_REQUESTS})


def storage_error(error: StorageApiError, bucket: str) -> DarkroomError:
    """Our error for one of Storage's; the message never holds a path."""
    status = int(error.status) if str(error.status).isdigit() else 0
    if error.code in {"Duplicate", "KeyAlreadyExists", "ResourceAlreadyExists", "BucketAlreadyExists"}:
        return Invalid(f"storage: there is such an object in {bucket} already", code=DUPLICATE)
    if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(f"storage: {error.code}", code="storage_unavailable", http_status=status)
    if status == HTTPStatus.NOT_FOUND and "bucket" in error.message.lower():
        return Invalid(
            f"the bucket {bucket} does not exist: `python manage.py migrate --buckets` makes it", code="bucket_missing"
        )
    if status == HTTPStatus.NOT_FOUND:
        return Invalid(f"there is no such object in {bucket}", code="object_missing")
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Invalid(f"the object is larger than {bucket} allows: raise its file size limit", code="object_too_large")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Invalid("storage: SUPABASE_SERVICE_ROLE_KEY is not accepted, or not the service role's", code="key_refused")
    return Invalid(f"storage refused: {error.code}", code="storage_refused", http_status=status)


def is_duplicate(error: DarkroomError) -> bool:
    """Whether there was such an object or bucket already."""
    return error.error_code == DUPLICATE
