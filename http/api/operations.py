"""How each resource describes its calls: who may make them, what they take, what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel


class Scope(StrEnum):
    """What a token may do."""

    PRODUCE = "produce"
    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is no JSON.

    Attributes:
        type: Its media type.
        text: Whether it is text; else bytes.
    """

    type: str
    text: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """One call.

    Attributes:
        summary: What it does, a sentence.
        answers: What it answers when it works, by status; None for an answer without a body.
        scope: What a token needs; None where everybody may call, or a signature in the query decides.
        body: What it takes.
        query: The parameters it takes.
        problems: The errors it answers beside those that every call may: 400, 500, and with a scope 401, 403, 429.
        signed: Whether a signature in the query may stand for the token.
        examples: Bodies that work, by name.
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
    """A resource; `operations` has an entry for each of its responders, by method in capitals."""

    operations: ClassVar[Mapping[str, Operation]]
