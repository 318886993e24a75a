"""Parses payloads of producers into tasks, and makes dead letters of invalid ones."""

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

#: Largest part of an invalid payload that its dead letter keeps, bytes.
KEPT_BYTES = 16_384
SESSION_MESSAGE = "The task could not be processed because it is not valid."
#: Key of the session id in the payload of each product that has a session table.
_SESSION_KEYS = {Product.TRYON: "session_id", Product.IMAGES: "job_id"}

#: The escape of NUL, which PostgreSQL can't store. An even number of backslashes before it escape each other.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class InvalidPayload(Exception):  # noqa: N818  names a property of the payload
    """The payload is invalid.

    Attributes:
        code: The kind of fault, for programs.
        reason: The same for operators.
        fields: The payload's fields, as far as they could be parsed.
    """

    def __init__(self, code: str, reason: str, fields: dict[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.fields = fields or {}


def parse(product: Product, payload: bytes) -> NewTask:
    """Return the task in a payload.

    Raises:
        InvalidPayload: With a code (`too_large`, `not_json`, `unknown_version`, `invalid`) and a reason for operators.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise InvalidPayload("too_large", f"more than the {MAX_PAYLOAD_BYTES} bytes that are accepted")
    fields = _parse_object(payload)
    version = fields.get("version", VERSION)
    if isinstance(version, int) and version > VERSION:
        raise InvalidPayload("unknown_version", f"version {version}; this worker knows up to {VERSION}", fields)
    if _NUL.search(payload):
        raise InvalidPayload("invalid", "a text contains a null character", fields)
    try:
        task = TASK_TYPES[product].model_validate(fields)
    except ValidationError as error:
        raise InvalidPayload("invalid", _describe(error), fields) from None
    return PRODUCTS[product].accept(task)


def dead_letter(  # noqa: PLR0913  the parts of a dead letter
    product: Product,
    payload: bytes,
    *,
    code: str,
    reason: str,
    fields: dict[str, Any] | None = None,
    ends_session: bool = True,
) -> DeadLetter:
    """Return the dead letter of a payload, with the ids that could be parsed.

    Args:
        product: Product of the list it was pushed to.
        payload: The payload as it was pushed.
        code: The kind of fault, for programs.
        reason: The same for operators.
        fields: The payload's fields, as far as they could be parsed.
        ends_session: Whether the session that the payload names fails and is refunded.
    """
    parsed = fields or {}
    key = _SESSION_KEYS.get(product)
    session_id = parsed.get(key) if key else None
    kept = payload[:KEPT_BYTES]
    text, encoding = _encode(kept)
    return DeadLetter(
        list=TASK_LISTS[product],
        code=code,
        reason=reason,
        payload=text,
        encoding=encoding,
        complete=len(kept) == len(payload),
        product=product,
        channel=_channel(product, parsed),
        task_id=_safe_id(parsed.get("task_id") or parsed.get("job_id")),
        session_id=_safe_id(session_id),
        owner_id=_owner(product, parsed),
        request_id=_safe_id(parsed.get("request_id")),
        message=SESSION_MESSAGE if ends_session else None,
    )


def payload_of(dead: DeadLetter) -> bytes:
    """Return the payload of a dead letter as it was pushed."""
    return base64.b64decode(dead.payload) if dead.encoding == "base64" else dead.payload.encode()


def _parse_object(payload: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise InvalidPayload("not_json", f"not JSON: {str(error)[:200]}") from None
    if not isinstance(value, dict):
        raise InvalidPayload("invalid", f"expected a JSON object, not {type(value).__name__}")
    return value


def _describe(error: ValidationError) -> str:
    # Without the values: they may be prompts or signed URLs.
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'payload'}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    )[:2_000]


def _channel(product: Product, fields: dict[str, Any]) -> str | None:
    if product is Product.IMAGES:
        return "workspace"
    return _safe_id(fields.get("channel"))


def _owner(product: Product, fields: dict[str, Any]) -> str | None:
    if product is Product.IMAGES:
        return _safe_id(fields.get("workspace_id"))
    return _safe_id(fields.get("store_id" if fields.get("channel") == "b2b" else "user_id"))


def _safe_id(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 128 and value.isprintable() else None  # noqa: PLR2004


def _encode(payload: bytes) -> tuple[str, Any]:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        text = "\0"
    # PostgreSQL's text can't hold a null character.
    return (base64.b64encode(payload).decode(), "base64") if "\0" in text else (text, "utf-8")
