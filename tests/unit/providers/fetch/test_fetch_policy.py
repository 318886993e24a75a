from dataclasses import FrozenInstanceError

import pytest

from providers.fetch import Fetcher, FetchPolicy


@pytest.mark.parametrize("network", ["127.0.0.1/33", "localhost", "10.0.0.1/8", ""])
def test_an_invalid_network_is_refused_by_the_policy(network: str) -> None:
    with pytest.raises(ValueError):
        Fetcher(FetchPolicy(allowed_networks=(network,)))


@pytest.mark.parametrize("limit", ["max_bytes", "max_pixels", "timeout_s"])
def test_a_limit_must_be_positive(limit: str) -> None:
    with pytest.raises(ValueError, match="positive"):
        FetchPolicy(**{limit: 0})  # type: ignore[arg-type]  # the point: a limit by name


def test_a_policy_can_not_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        FetchPolicy().max_bytes = 1  # type: ignore[misc]  # the point
