"""`manage.py session new`: create the session row that a task needs."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from commands.connections import records
from commands.outcome import CommandError, CommandOutcome
from providers.records.operators import NewSession
from schemas.common import Id, Product

if TYPE_CHECKING:
    from collections.abc import Sequence

    from settings import Settings

#: Product and channel of a session, by the owner's field in the payload.
OWNERS = {
    "user_id": (Product.TRYON, "b2c"),
    "store_id": (Product.TRYON, "b2b"),
    "workspace_id": (Product.IMAGES, "workspace"),
}
REFUSALS = {
    NewSession.EXISTS: "There is a session {session_id} already.",
    NewSession.UNKNOWN_ID: "This database has no {owner_name} {owner_id}, or its ids are UUIDs.",
    NewSession.INCOMPLETE: "This database requires more columns of a session: create it as its producer does.",
    NewSession.NO_TABLE: "This database has no sessions of that product: run `python manage.py migrate`.",
}


async def new_session(settings: Settings, owner_name: str, owner_id: str, *, session_id: str | None) -> CommandOutcome:
    """Create a session and print the ids as shell assignments, `name=value`.

    Args:
        settings: The settings.
        owner_name: A key of `OWNERS`.
        owner_id: The owner's id.
        session_id: The session's id, a new one if None.

    Raises:
        CommandError: An id is invalid, or the database refuses the session.
    """
    task_id, session_id = str(uuid.uuid4()), session_id or str(uuid.uuid4())
    _check_id(owner_name, owner_id)
    _check_id("session_id", session_id)
    await create_session(settings, owner_name, owner_id, session_id)
    session_name = "job_id" if owner_name == "workspace_id" else "session_id"
    data = {"task_id": task_id, session_name: session_id, owner_name: owner_id}
    # Ids hold only letters, digits, - and _: no shell quoting needed.
    return CommandOutcome(data, "\n".join(f"{name}={value}" for name, value in data.items()))


async def create_session(  # noqa: PLR0913, PLR0917  the columns of the row
    settings: Settings, owner_name: str, owner_id: str, session_id: str, urls: Sequence[str] = (), prompt: str = ""
) -> None:
    """Create a queued session free of charge.

    Raises:
        CommandError: The database refuses it.
    """
    product, channel = OWNERS[owner_name]
    async with records(settings) as found:
        outcome = await found.operators.new_session(
            product, channel, owner_id=owner_id, session_id=session_id, columns=_columns(product, urls, prompt)
        )
    if outcome in REFUSALS:
        names = {"session_id": session_id, "owner_id": owner_id, "owner_name": owner_name.removesuffix("_id")}
        raise CommandError(REFUSALS[outcome].format(**names))


def _columns(product: Product, urls: Sequence[str], prompt: str) -> dict[str, Any]:
    if product is Product.IMAGES:
        return {"style_id": "modern", "progress": 0}
    person, outfit = [*urls, "", ""][:2]
    return {"model_image_url": person, "outfit_image_url": outfit, "prompt_system": prompt, "credits_used": 0}


def _check_id(name: str, value: str) -> None:
    try:
        TypeAdapter(Id).validate_python(value)
    except ValidationError:
        raise CommandError(f"The {name} '{value}' has other characters than A-Z a-z 0-9 _ -, or over 64.") from None
