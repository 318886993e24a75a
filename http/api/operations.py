"""Descriptions of the calls of each resource: the scope they need, their input and their responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel


class Scope(StrEnum):
    """Permission of a token."""

    PRODUCE = "produce"
    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Media:
    """A response body that is not JSON.

    Attributes:
        type: Media type.
        text: Whether it is text rather than bytes.
    """

    type: str
    text: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a resource.

    Attributes:
        summary: One sentence for the API description.
        answers: Responses on success, by status; None for a response without a body.
        scope: Scope that the token needs; None if no token is needed.
        body: Model of the request body.
        query: Model of the query parameters.
        problems: Statuses of errors, besides the common ones: 400 and 500, and with a scope 401, 403 and 429.
        signed: Whether a signature in the query may replace the token.
        examples: Valid bodies, by title.
    """

    summary: str
    answers: Mapping[int, type[BaseModel] | Media | None]
    scope: Scope | None = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    problems: tuple[int, ...] = ()
    signed: bool = False
    examples: Mapping[str, dict[str, Any]] = field(default_factory=dict)


class Described(Protocol):
    """A resource; `operations` has an entry for each of its methods, such as `GET`."""

    operations: ClassVar[Mapping[str, Operation]]
