from __future__ import annotations

import pytest

from providers.delivery.whatsapp import recipient
from schemas.errors import Invalid


@pytest.mark.parametrize(
    "typed", ["+4915123456789", "4915123456789", "+49 (151) 234-567 89", "0049 151 23456789", " +49.151.23456789 "]
)
def test_common_notations_of_a_number_are_accepted(typed: str) -> None:
    assert recipient(typed) == "4915123456789"


@pytest.mark.parametrize("typed", [None, "", "  "])
def test_a_missing_number_is_reported(typed: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        recipient(typed)
    assert refused.value.error_code == "no_phone"


@pytest.mark.parametrize(
    "typed", ["0151 23456789", "hello", "12345", "+1234567890123456", "+49151/2345", "+49\n151 2345678x"]
)
def test_an_invalid_number_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        recipient(typed)
    assert refused.value.error_code == "bad_number"
    assert typed not in str(refused.value)
