from __future__ import annotations

import pytest

from providers.delivery.whatsapp import recipient
from schemas.errors import Invalid


@pytest.mark.parametrize(
    "typed", ["+4915123456789", "4915123456789", "+49 (151) 234-567 89", "0049 151 23456789", " +49.151.23456789 "]
)
def test_a_number_is_read_as_people_write_it(typed: str) -> None:
    assert recipient(typed) == "4915123456789"


@pytest.mark.parametrize("typed", [None, "", "  "])
def test_no_number_is_said_to_be_missing(typed: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        recipient(typed)
    assert refused.value.error_code == "no_phone"


@pytest.mark.parametrize(
    "typed", ["0151 23456789", "hello", "12345", "+1234567890123456", "+49151/2345", "+49\n151 2345678x"]
)
def test_what_is_no_number_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        recipient(typed)
    assert refused.value.error_code == "bad_number"
    assert typed not in str(refused.value)
