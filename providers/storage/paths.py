"""Validation of bucket names and object paths, the same for every storage."""

from __future__ import annotations

import re

from schemas.errors import Invalid

#: A segment can't start with a dot, which excludes `..` and temporary files.
_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}"
_BUCKET = re.compile(_SEGMENT)
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{0,7}}")


def check_path(bucket: str, path: str) -> None:
    """Check that an object stays inside its bucket.

    Raises:
        Invalid: The bucket name or the path is malformed.
    """
    if not _BUCKET.fullmatch(bucket) or not _PATH.fullmatch(path):
        raise Invalid("the object's path would leave its bucket", code="object_path")
