"""Storage's errors: always HTTP 400, with the actual status in the body."""

from __future__ import annotations

from devtools.supabase_emulator.wire import Reply, json_reply


def duplicate() -> Reply:
    """Return the error for a bucket or object that already exists."""
    return _reply("409", "Duplicate", "The resource already exists")


def bucket_missing() -> Reply:
    """Return the error for a missing bucket."""
    return _reply("404", "Bucket not found", "Bucket not found")


def object_missing() -> Reply:
    """Return the error for a missing object."""
    return _reply("404", "not_found", "Object not found")


def too_large() -> Reply:
    """Return the error for an object larger than the bucket allows."""
    return _reply("413", "Payload too large", "The object exceeded the maximum allowed size")


def type_refused(content_type: str) -> Reply:
    """Return the error for a content type that the bucket does not allow."""
    return _reply("415", "invalid_mime_type", f"mime type {content_type} is not supported")


def refused(message: str) -> Reply:
    """Return the error for an invalid token, or a role without the right."""
    return _reply("403", "Unauthorized", message)


def link_refused(message: str) -> Reply:
    """Return the error for a signed link that is invalid or expired."""
    return _reply("400", "InvalidJWT", message)


def bad_request(message: str) -> Reply:
    """Return the error for an invalid request."""
    return _reply("400", "InvalidRequest", message)


def _reply(status: str, error: str, message: str) -> Reply:
    return json_reply(400, {"statusCode": status, "error": error, "message": message})
