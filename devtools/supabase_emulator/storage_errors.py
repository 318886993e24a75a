"""Storage's errors: HTTP 400 whatever happened, and what really happened in the body."""

from __future__ import annotations

from devtools.supabase_emulator.wire import Reply, json_reply


def duplicate() -> Reply:
    """There is such a bucket or object already."""
    return _reply("409", "Duplicate", "The resource already exists")


def bucket_missing() -> Reply:
    """There is no such bucket."""
    return _reply("404", "Bucket not found", "Bucket not found")


def object_missing() -> Reply:
    """There is no such object."""
    return _reply("404", "not_found", "Object not found")


def too_large() -> Reply:
    """The object is larger than the bucket allows."""
    return _reply("413", "Payload too large", "The object exceeded the maximum allowed size")


def type_refused(content_type: str) -> Reply:
    """The bucket does not take objects of this type."""
    return _reply("415", "invalid_mime_type", f"mime type {content_type} is not supported")


def refused(message: str) -> Reply:
    """The token is not valid, or its role may not do this."""
    return _reply("403", "Unauthorized", message)


def link_refused(message: str) -> Reply:
    """The link is not ours, or has expired."""
    return _reply("400", "InvalidJWT", message)


def bad_request(message: str) -> Reply:
    """The request makes no sense."""
    return _reply("400", "InvalidRequest", message)


def _reply(status: str, error: str, message: str) -> Reply:
    return json_reply(400, {"statusCode": status, "error": error, "message": message})
