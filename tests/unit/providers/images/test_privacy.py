from __future__ import annotations

from typing import Any

import pytest

from providers.images.privacy import Privacy, PrivacyClass
from providers.images.provider_set import make_providers
from schemas.common import Product
from settings import Settings


@pytest.mark.parametrize(
    ("privacy", "expected"),
    [
        (Privacy(), PrivacyClass.ANY),
        (Privacy(retention_h=1), PrivacyClass.ANY),
        (Privacy(trains_on_inputs=True, retention_h=1), PrivacyClass.ANY),
        (Privacy(trains_on_inputs=False), PrivacyClass.NO_TRAINING),
        (Privacy(trains_on_inputs=False, retention_h=721), PrivacyClass.NO_TRAINING),
        (Privacy(trains_on_inputs=False, retention_h=720), PrivacyClass.DELETED_WITHIN_30_DAYS),
        (Privacy(trains_on_inputs=False, retention_h=24), PrivacyClass.DELETED_WITHIN_A_DAY),
        (Privacy(self_hosted=True), PrivacyClass.SELF_HOSTED),
    ],
)
def test_the_class_follows_from_training_and_retention(privacy: Privacy, expected: PrivacyClass) -> None:
    assert privacy.privacy_class is expected


def test_a_class_satisfies_itself_and_less_private_ones() -> None:
    assert PrivacyClass.NO_TRAINING.satisfies(PrivacyClass.NO_TRAINING)
    assert PrivacyClass.SELF_HOSTED.satisfies(PrivacyClass.ANY)
    assert not PrivacyClass.ANY.satisfies(PrivacyClass.NO_TRAINING)


async def test_a_provider_below_the_minimum_is_left_out_and_the_reason_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    settings: dict[str, Any] = {"ai_mock_mode": False, "tryon_providers": ("openai", "mock")}

    strict = make_providers(Settings.model_construct(**settings, provider_min_privacy=PrivacyClass.SELF_HOSTED))

    assert [provider.name for provider in strict.of(Product.TRYON)] == ["mock"]
    assert strict.passed_over(Product.TRYON) == {
        "openai": "the privacy class of openai is deleted_within_30_days, PROVIDER_MIN_PRIVACY is self_hosted"
    }
    await strict.aclose()


@pytest.mark.parametrize(
    ("granted", "served"), [(("openai=self_hosted",), True), ((), False), (("openai=secret",), False)]
)
async def test_a_contract_can_grant_a_class(
    monkeypatch: pytest.MonkeyPatch, granted: tuple[str, ...], served: bool
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    found = make_providers(
        Settings.model_construct(
            ai_mock_mode=False, tryon_providers=("openai",), images_providers=(), avatar_providers=(),
            provider_min_privacy=PrivacyClass.DELETED_WITHIN_A_DAY, provider_privacy=granted,
        )
    )  # fmt: skip
    assert bool(found.of(Product.TRYON)) is served
    await found.aclose()
