from __future__ import annotations

import pytest

from api.middleware.access import ApiTokens, TokensError
from api.operations import Scope


def test_a_token_has_a_name_scopes_a_secret_and_optionally_an_owner() -> None:
    tokens = ApiTokens(None, "shop:produce+read:shop-secret:store-1, eye:operate:eyes-secret")
    shop, eye = tokens.find("shop-secret"), tokens.find("eyes-secret")
    assert shop
    assert eye
    assert (shop.name, shop.scopes, shop.owner) == ("shop", frozenset({Scope.PRODUCE, Scope.READ}), "store-1")
    assert (eye.name, eye.scopes, eye.owner) == ("eye", frozenset({Scope.OPERATE}), None)
    assert tokens.find("shop-secret ") is None


def test_one_secret_alone_has_all_scopes() -> None:
    principal = ApiTokens("just-this", None).find("just-this")
    assert principal
    assert principal.scopes == set(Scope)
    assert not ApiTokens(None, " , ")


@pytest.mark.parametrize(
    "entry",
    ["a", "a:read", "a:read:", "a:read:short", ":read:long-secret", "a::long-secret", "a:write:long-secret",
     "a:read:long-secret:../x", "a:read:long-secret:x:y"],
)  # fmt: skip
def test_the_error_of_an_invalid_entry_does_not_contain_its_secret(entry: str) -> None:
    with pytest.raises(TokensError, match="entry 2") as raised:
        ApiTokens(None, f"good:read:good-secret,{entry}")
    assert "long-secret" not in str(raised.value)
