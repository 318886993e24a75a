from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from providers.delivery.webhook_secrets import OVERLAP_S, parse_keys, secret, sign, valid_secrets
from schemas.delivery import Webhook

NOW = 1_800_000_000.0
KEY = b"our key"


def webhook(version: int = 1, rotated_s_ago: float | None = None) -> Webhook:
    rotated = None if rotated_s_ago is None else datetime.fromtimestamp(NOW - rotated_s_ago, UTC)
    return Webhook(owner_id="shop-1", url="https://shop.example/hook", version=version, rotated_at=rotated)


def test_a_secret_has_32_bytes_in_the_standard_format() -> None:
    found = secret(KEY, "shop-1", 1)
    assert found.startswith("whsec_")
    assert len(base64.b64decode(found.removeprefix("whsec_"))) == 32


def test_each_owner_version_and_key_has_its_own_secret() -> None:
    found = {secret(key, owner, n) for key in (KEY, b"other") for owner in ("shop-1", "shop-2") for n in (1, 2)}
    assert len(found) == 8


def test_a_signature_covers_id_timestamp_and_body() -> None:
    text = secret(KEY, "shop-1", 1)
    key = base64.b64decode(text.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, b'msg_1.1800000000.{"a":1}', hashlib.sha256)).decode()
    assert sign([text], "msg_1", 1_800_000_000, b'{"a":1}') == f"v1,{expected}"


def test_after_a_rotation_both_secrets_sign_for_a_day() -> None:
    both = [secret(KEY, "shop-1", 2), secret(KEY, "shop-1", 1)]
    assert valid_secrets([KEY], webhook(2, OVERLAP_S - 1), now=NOW) == both
    assert valid_secrets([KEY], webhook(2, OVERLAP_S + 1), now=NOW) == both[:1]
    assert valid_secrets([KEY], webhook(), now=NOW) == [secret(KEY, "shop-1", 1)]


def test_during_a_key_change_both_keys_sign() -> None:
    found = valid_secrets([b"new", KEY], webhook(), now=NOW)
    assert found == [secret(b"new", "shop-1", 1), secret(KEY, "shop-1", 1)]
    assert len(sign(found, "msg_1", 1, b"{}").split(" ")) == 2


def test_keys_are_read_newest_first_and_default_to_the_link_key() -> None:
    assert parse_keys(" new, old ,", b"links") == (b"new", b"old")
    assert parse_keys(None, b"links") == parse_keys(" ,", b"links") == (b"links",)
