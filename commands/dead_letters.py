"""Describe dead letters: ids, reason and remedy."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from schemas.common import Product
from schemas.tasks import TASK_LISTS

if TYPE_CHECKING:
    from schemas.records import DeadLetter

_PRODUCTS = {name: product.value for product, name in TASK_LISTS.items()}
_CORRECT = "Correct the producer and push the task again; `manage.py dead drop {id}` deletes this one."
_REMEDIES = {
    "unknown_session": "Create session {session_id} for the owner that the payload names (`manage.py session new "
    "{owner} --session {session_id}`, or as its producer does), then run `manage.py dead replay {id}`.",
    "unknown_version": "Update Darkroom, then run `manage.py dead replay {id}`.",
    "not_json": _CORRECT,
    "invalid": _CORRECT,
    "too_large": _CORRECT,
}
#: Owners that are safe in a command to copy; the same characters as `schemas.common.Id`.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OTHER = "Remove the cause that the reason names, then run `manage.py dead replay {id}`."


def described(letter: DeadLetter) -> dict[str, Any]:
    """Return a dead letter without its payload, with its product and remedy."""
    fields = {"id", "list", "code", "reason", "task_id", "session_id", "complete", "created_at"}
    data = letter.model_dump(mode="json", include=fields, exclude_none=True)
    product = letter.product.value if letter.product else _PRODUCTS.get(letter.list)
    remedy = _REMEDIES.get(letter.code, _OTHER).format(
        id=letter.id, session_id=letter.session_id, owner=_owner_option(letter, product)
    )
    return data | ({"product": product} if product else {}) | {"what_to_do": remedy}


def _owner_option(letter: DeadLetter, product: str | None) -> str:
    """Return the owner option of `session new`, with the owner of the payload if it can be parsed."""
    names = ["workspace_id"] if product == Product.IMAGES else ["user_id", "store_id"]
    try:
        payload = json.loads(letter.payload)
    except ValueError:
        payload = {}
    owners = {name: payload.get(name) for name in names} if isinstance(payload, dict) else {}
    for name, owner in owners.items():
        if isinstance(owner, str) and _ID.fullmatch(owner):
            return f"--{name.removesuffix('_id')} {owner}"
    return " or ".join(f"--{name.removesuffix('_id')} ID" for name in names)
