"""Names in the scratch store: `{task_id}/{...}`, safe as paths and as keys."""

from __future__ import annotations

import re

from schemas.errors import Invalid

_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: No segment starts with a dot, so that neither `..` nor a half-written file can be named.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){1,4}")


def checked_task_id(task_id: str) -> str:
    """Return the task id.

    Raises:
        Invalid: The id is not a safe path segment.
    """
    if not _TASK_ID.fullmatch(task_id):
        raise Invalid("the task id is not a safe path segment", code="scratch_name")
    return task_id


def checked_name(name: str) -> tuple[str, str]:
    """Return the task id and the rest of the name.

    Raises:
        Invalid: The name is not `{task_id}/{...}` or would leave the task's folder.
    """
    if not _NAME.fullmatch(name):
        raise Invalid("the scratch name would leave its task's folder", code="scratch_name")
    task_id, _, rest = name.partition("/")
    return task_id, rest
