from __future__ import annotations

import pytest

from api.server.listen_guard import BindingError, check


@pytest.mark.parametrize("address", [("127.0.0.1", 80), ("127.8.8.8", 80), ("::1", 1), ("localhost", 1), "/run/a"])
def test_this_machine_needs_no_token(address: tuple[str, int] | str) -> None:
    check([address], guarded=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", "127.0.0.1.evil.example", ""])
def test_other_machines_need_one(host: str) -> None:
    with pytest.raises(BindingError, match="set API_TOKENS"):
        check([("127.0.0.1", 80), (host, 80)], guarded=False)
    check([(host, 80)], guarded=True)
