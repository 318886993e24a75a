"""What a bucket and a path may look like, in every storage."""

from __future__ import annotations

import re

from schemas.errors import Invalid

#: No segment starts with a dot, so that neither `..` nor a half-written file can be named.
_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}"
_BUCKET = re.compile(_SEGMENT)
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{0,7}}")


def check_path(bucket: str, path: str) -> None:
    """Let through what stays inside its bucket.

    Raises:
        Invalid: It would not.
    """
    if not _BUCKET.fullmatch(bucket) or not _PATH.fullmatch(path):
        raise Invalid("the object's path would leave its bucket", code="object_path")
