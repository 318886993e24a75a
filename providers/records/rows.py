"""Rows as the database returns them. A row that this version can't read is left out: one bad row harms one job."""

from __future__ import annotations

from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from schemas.common import Product
from schemas.records import JobRow

log = structlog.get_logger(__name__)

Row = TypeVar("Row", bound=BaseModel)

#: Jobs of other products are left to workers that know them.
KNOWN_PRODUCTS = [product.value for product in Product]
#: Object columns of a job, with the replacement for an unreadable value: the job can still be ended.
_CONTENTS: dict[str, Any] = {"payload": {}, "journal": {}, "outcome": None, "failure": None}


def job_rows(found: list[dict[str, Any]]) -> list[JobRow]:
    """Return the readable rows among `found`."""
    return [row for item in found if (row := job_row(item)) is not None]


def job_row(found: dict[str, Any]) -> JobRow | None:
    """Return the row, unreadable object columns replaced; None for an unreadable row, such as of an unknown product."""
    try:
        return JobRow.model_validate(
            found | {name: empty for name, empty in _CONTENTS.items() if not isinstance(found.get(name), dict)}
        )
    except ValidationError:
        ids = {name: found.get(name) for name in ("task_id", "session_id", "request_id", "product")}
        log.warning("row_not_understood", row="JobRow", **ids)
        return None


def readable(model: type[Row], found: list[dict[str, Any]]) -> list[Row]:
    """Return the rows of `found` that `model` can read."""
    rows = []
    for item in found:
        try:
            rows.append(model.model_validate(item))
        except ValidationError as error:
            log.warning("row_not_understood", row=model.__name__, faults=error.error_count())
    return rows
