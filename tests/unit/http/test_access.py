from __future__ import annotations

import pytest

from api.middleware.access import ApiTokens, TokensError
from api.operations import Scope


def test_a_token_has_a_name_scopes_a_secret_and_optionally_an_owner() -> None:
    tokens = ApiTokens(None, "shop:produce+read:shop-secret-of-ours:store-1, eye:operate:eyes-secret-of-ours")
    shop, eye = tokens.find("shop-secret-of-ours"), tokens.find("eyes-secret-of-ours")
    assert shop
    assert eye
    assert (shop.name, shop.scopes, shop.owner) == ("shop", frozenset({Scope.PRODUCE, Scope.READ}), "store-1")
    assert (eye.name, eye.scopes, eye.owner) == ("eye", frozenset({Scope.OPERATE}), None)
    assert tokens.find("shop-secret-of-ours ") is None


def test_one_secret_alone_has_all_scopes() -> None:
    principal = ApiTokens("just-this", None).find("just-this")
    assert principal
    assert principal.scopes == set(Scope)
    assert not ApiTokens(None, " , ")


@pytest.mark.parametrize(
    "entry",
    [
        "a", "a:read", "a:read:", "a:read:fifteen-chars-x", ":read:long-secret-of-ours", "a::long-secret-of-ours",
        "a:write:long-secret-of-ours", "a:read:long-secret-of-ours:../x", "a:read:long-secret-of-ours:x:y",
    ],
)  # fmt: skip
def test_the_error_of_an_invalid_entry_does_not_contain_its_secret(entry: str) -> None:
    with pytest.raises(TokensError, match="entry 2") as raised:
        ApiTokens(None, f"good:read:good-secret-of-ours,{entry}")
    assert "long-secret-of-ours" not in str(raised.value)
