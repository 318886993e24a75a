"""Errors that refuse an input picture: which one and why, in words for a user, without its address."""

from __future__ import annotations

from schemas.errors import InputRefused


def input_refused(subject: str, why: str, *, code: str, http_status: int | None = None) -> InputRefused:
    """Return the error that refuses a picture.

    Args:
        subject: Name of the picture in the message, such as `Input 2`.
        why: Rest of the sentence without its full stop, such as `is larger than 20 MB`.
        code: Error code, lower_snake_case.
        http_status: HTTP status of its server, for the job's record.
    """
    return InputRefused(public_message=f"{subject} {why}.", code=code, http_status=http_status)
