from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.control.payloads import KEPT_BYTES, InvalidPayload, dead_letter, parse, payload_of
from schemas.common import Product
from schemas.tasks import MAX_PAYLOAD_BYTES

TRYON = {
    "task_id": "t1", "channel": "b2c", "user_id": "u1", "store_id": None, "session_id": "s1",
    "image_urls": ["https://shop.example/a.jpg"], "prompt": "", "request_id": "req_1", "version": 1,
    "created_at": "2026-02-09T14:30:00Z",
}  # fmt: skip


def payload(**changes: Any) -> bytes:
    return json.dumps(TRYON | changes).encode()


def code_of(data: bytes, product: Product = Product.TRYON) -> str:
    with pytest.raises(InvalidPayload) as caught:
        parse(product, data)
    return caught.value.code


def test_the_example_of_the_contract_is_accepted() -> None:
    task = parse(Product.TRYON, payload())
    assert (task.task_id, task.owner_id, task.user_id, task.channel, task.session_id) == ("t1", "u1", "u1", "b2c", "s1")


def test_a_shops_task_belongs_to_the_shop() -> None:
    task = parse(Product.TRYON, payload(channel="b2b", user_id=None, store_id="shop"))
    assert (task.owner_id, task.user_id) == ("shop", None)


def test_unknown_fields_are_ignored() -> None:
    assert "colour" not in parse(Product.TRYON, payload(colour="red")).payload


def test_a_task_without_a_request_id_gets_one_for_its_logs() -> None:
    assert parse(Product.TRYON, payload(request_id=None)).request_id == "task_t1"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"null", "invalid"),
        (b"[]", "invalid"),
        (b"3", "invalid"),
        (payload(version=2), "unknown_version"),
        (payload(version=0), "invalid"),
        (payload(version=True), "invalid"),
        (payload(version="1"), "invalid"),
        (payload(prompt="x" * MAX_PAYLOAD_BYTES), "too_large"),
        (payload(prompt="x" * 9_000), "invalid"),
        (payload(prompt="a\0b"), "invalid"),
        (payload(image_urls=[]), "invalid"),
        (payload(image_urls=["https://shop.example/a.jpg"] * 17), "invalid"),
        (payload(image_urls=["file:///etc/passwd"]), "invalid"),
        (payload(user_id="../../evil"), "invalid"),
        (payload(task_id="a/b"), "invalid"),
        (payload(session_id="s" * 65), "invalid"),
        (payload(user_id=None), "invalid"),
        (payload(store_id="shop"), "invalid"),
        (payload(channel="b2x"), "invalid"),
    ],
)
def test_an_unusable_payload_has_a_reason(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_every_fault_is_reported_without_repeating_values() -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse(Product.TRYON, payload(user_id="../evil", image_urls=["nonsense://secret"], channel="z"))
    for field in ("user_id", "image_urls.0", "channel"):
        assert field in caught.value.reason
    assert "secret" not in caught.value.reason
    assert "evil" not in caught.value.reason


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_task_or_a_dead_letter_that_preserves_them(data: bytes) -> None:
    try:
        parse(Product.TRYON, data)
    except InvalidPayload as error:
        kept = dead_letter(Product.TRYON, data, code=error.code, reason=error.reason, fields=error.fields)
        assert payload_of(kept) == data


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(TRYON)), inner),
        max_leaves=20,
    )
)
def test_any_json_is_a_task_or_unusable(value: Any) -> None:
    with contextlib.suppress(InvalidPayload):
        parse(Product.TRYON, json.dumps(value).encode())


def test_a_dead_letter_keeps_the_session_id_of_its_payload() -> None:
    kept = dead_letter(Product.TRYON, payload(image_urls=1), code="invalid", reason="r", fields=TRYON)
    assert (kept.session_id, kept.channel, kept.task_id, kept.request_id) == ("s1", "b2c", "t1", "req_1")


def test_a_dead_letter_that_is_too_large_is_marked_as_truncated() -> None:
    kept = dead_letter(Product.IMAGES, b"x" * (KEPT_BYTES + 1), code="too_large", reason="r")
    assert (kept.complete, len(kept.payload)) == (False, KEPT_BYTES)


def test_undecodable_bytes_are_kept_as_base64() -> None:
    kept = dead_letter(Product.AVATAR, b"\xff\0", code="not_json", reason="r")
    assert (kept.encoding, base64.b64decode(kept.payload)) == ("base64", b"\xff\0")


@pytest.mark.parametrize("text", [r"\u0000", r"a\\u0000b", "\\" * 3 + "u0000", "\\" * 50_000])
def test_a_text_with_a_literal_escape_of_nul_is_accepted(text: str) -> None:
    task = {"job_id": "j1", "user_id": "u1", "scene_description": text[:4_000], "avatar": {"id": "a1"}}
    assert parse(Product.AVATAR, json.dumps(task).encode()).payload["scene_description"] == text[:4_000]


@pytest.mark.parametrize("text", ["\0", "a\0b", "\\\0", "\\\\\0", r"\u0000" + "\0"])
def test_a_text_with_nul_is_refused(text: str) -> None:
    assert code_of(payload(prompt=text)) == "invalid"
