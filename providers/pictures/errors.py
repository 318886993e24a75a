"""How a picture is refused: which one and why, in words for a user, without its address."""

from __future__ import annotations

from schemas.errors import InputRefused


def refusal(subject: str, why: str, *, code: str, http_status: int | None = None) -> InputRefused:
    """The error to raise.

    Args:
        subject: How the picture is named to the user: `Input 2`.
        why: The rest of the sentence, without its full stop: `is larger than 20 MB`.
        code: What operators count, lower_snake_case.
        http_status: What the server answered, for the job's record.
    """
    return InputRefused(public_message=f"{subject} {why}.", code=code, http_status=http_status)
