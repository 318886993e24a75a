"""From the bytes a producer pushed to a task, or to a dead letter that says what is wrong with them."""

from __future__ import annotations

import base64
import re
from typing import Any

import orjson
from pydantic import ValidationError

from pipelines.products import PRODUCTS
from schemas.common import Product
from schemas.records import DeadLetter, NewTask
from schemas.tasks import MAX_PAYLOAD_BYTES, TASK_LISTS, TASK_TYPES, VERSION

#: The most of an unusable payload that is kept, bytes.
KEPT_BYTES = 1_048_576
SESSION_MESSAGE = "The task could not be processed because it is not valid."
#: The key under which a product's payload names its session, for those that have a session table.
_SESSION_KEYS = {Product.TRYON: "session_id", Product.IMAGES: "job_id"}

#: The escape of NUL, which PostgreSQL can't keep: an even number of backslashes before it escape each other.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class InvalidPayload(Exception):  # noqa: N818  named for what it says of the payload
    """The payload can't be used."""

    def __init__(self, code: str, reason: str, fields: dict[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.fields = fields or {}


def parse(product: Product, payload: bytes) -> NewTask:
    """The task in a payload.

    Raises:
        InvalidPayload: With a code (`too_large`, `not_json`, `unknown_version`, `invalid`) and a reason for operators.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise InvalidPayload("too_large", f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are taken")
    fields = _object(payload)
    version = fields.get("version", VERSION)
    if isinstance(version, int) and version > VERSION:
        raise InvalidPayload("unknown_version", f"version {version}; this worker knows up to {VERSION}", fields)
    if _NUL.search(payload):
        raise InvalidPayload("invalid", "a text holds a null character", fields)
    try:
        task = TASK_TYPES[product].model_validate(fields)
    except ValidationError as error:
        raise InvalidPayload("invalid", _faults(error), fields) from None
    return PRODUCTS[product].accept(task)


def dead_letter(  # noqa: PLR0913  the parts of a letter
    product: Product,
    payload: bytes,
    *,
    code: str,
    reason: str,
    fields: dict[str, Any] | None = None,
    ends_session: bool = True,
) -> DeadLetter:
    """The dead letter of a payload, with the ids that the payload still names.

    Args:
        product: Whose list the payload was pushed to.
        payload: As it came.
        code: What is wrong with it, for programs.
        reason: The same for operators.
        fields: What could be read of it.
        ends_session: Whether the session that it names fails and is refunded.
    """
    named = fields or {}
    key = _SESSION_KEYS.get(product)
    session_id = named.get(key) if key else None
    kept = payload[:KEPT_BYTES]
    text, encoding = _text(kept)
    return DeadLetter(
        list=TASK_LISTS[product],
        code=code,
        reason=reason,
        payload=text,
        encoding=encoding,
        complete=len(kept) == len(payload),
        product=product,
        channel=_channel(product, named),
        task_id=_word(named.get("task_id") or named.get("job_id")),
        session_id=_word(session_id),
        owner_id=_owner(product, named),
        request_id=_word(named.get("request_id")),
        message=SESSION_MESSAGE if ends_session else None,
    )


def payload_of(dead: DeadLetter) -> bytes:
    """The bytes of a dead letter, as they were pushed."""
    return base64.b64decode(dead.payload) if dead.encoding == "base64" else dead.payload.encode()


def _object(payload: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise InvalidPayload("not_json", f"not JSON: {str(error)[:200]}") from None
    if not isinstance(value, dict):
        raise InvalidPayload("invalid", f"a JSON object was expected, not {type(value).__name__}")
    return value


def _faults(error: ValidationError) -> str:
    # The values stay out: they may be prompts or signed addresses.
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'payload'}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    )[:2_000]


def _channel(product: Product, fields: dict[str, Any]) -> str | None:
    if product is Product.IMAGES:
        return "workspace"
    return _word(fields.get("channel"))


def _owner(product: Product, fields: dict[str, Any]) -> str | None:
    if product is Product.IMAGES:
        return _word(fields.get("workspace_id"))
    return _word(fields.get("store_id" if fields.get("channel") == "b2b" else "user_id"))


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 128 and value.isprintable() else None  # noqa: PLR2004


def _text(payload: bytes) -> tuple[str, Any]:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        text = "\0"
    # PostgreSQL's text holds no null character.
    return (base64.b64encode(payload).decode(), "base64") if "\0" in text else (text, "utf-8")
