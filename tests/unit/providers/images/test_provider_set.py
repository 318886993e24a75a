from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from providers.images import registry
from providers.images.base import Capabilities
from providers.images.provider_set import ProviderSet, make_providers
from schemas.common import Product
from settings import Settings

PAID = {"ai_mock_mode": False}


class Narrow:
    """A provider that takes one input picture."""

    name = "narrow"
    capabilities = Capabilities(edit=True, generate=True, max_inputs=1, paid=False)

    def __init__(self, _config: Any) -> None:
        """Make it."""

    async def generate(self, *_: Any, **__: Any) -> Any:
        """Never called here."""

    async def aclose(self) -> None:
        """Do nothing."""


def broken(_config: Any) -> Any:
    raise KeyError("BROKEN_URL")


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give OpenAI a key and Replicate none."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.delenv("REPLICATE_API_TOKEN", raising=False)


@pytest.fixture
def plug_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer two packages' providers: one that works, and one whose code fails."""
    offered = {"narrow": f"{__name__}:Narrow", "broken": f"{__name__}:broken"}

    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [EntryPoint(each, value, group) for each, value in offered.items() if name in {None, each}]

    monkeypatch.setattr(registry, "entry_points", entry_points)


async def provider_set(**fields: Any) -> ProviderSet:
    found = make_providers(Settings.model_construct(**fields))
    await found.aclose()
    return found


async def test_a_missing_key_disables_only_the_products_that_need_it() -> None:
    found = await provider_set(**PAID)
    assert found.served == {Product.TRYON, Product.IMAGES}
    assert found.reason_off(Product.TRYON) is None
    reason = found.reason_off(Product.AVATAR)
    assert reason is not None
    assert "AVATAR_PROVIDERS" in reason
    assert "set REPLICATE_API_TOKEN" in reason


async def test_an_empty_list_disables_a_product() -> None:
    found = await provider_set(**PAID, avatar_providers=())
    assert found.served == {Product.TRYON, Product.IMAGES}
    assert found.reason_off(Product.AVATAR) == "AVATAR_PROVIDERS is empty: avatar is switched off"
    assert found.refused == {}


async def test_a_product_not_named_in_the_setting_is_disabled() -> None:
    found = await provider_set(ai_mock_mode=True, products=(Product.TRYON,))
    assert found.served == {Product.TRYON}
    assert found.reason_off(Product.IMAGES) == "PRODUCTS does not name it: images is switched off"
    assert found.listed[Product.IMAGES] == ()


async def test_a_second_provider_without_a_key_is_skipped() -> None:
    found = await provider_set(**PAID, avatar_providers=("replicate", "openai"))
    assert found.served == set(Product)
    assert [provider.name for provider in found.of(Product.AVATAR)] == ["openai"]
    assert found.passed_over(Product.AVATAR) == {"replicate": "replicate needs an API token: set REPLICATE_API_TOKEN"}


@pytest.mark.usefixtures("plug_ins")
async def test_a_broken_plug_in_affects_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8-test")
    found = await provider_set(**PAID, images_providers=("broken",))
    assert found.served == {Product.TRYON, Product.AVATAR}
    assert found.refused == {"broken": "the image provider 'broken' can't be made: KeyError: 'BROKEN_URL'"}


@pytest.mark.usefixtures("plug_ins")
async def test_a_provider_that_accepts_too_few_pictures_is_reported() -> None:
    found = await provider_set(ai_mock_mode=True, tryon_providers=("narrow", "openai"))
    assert found.passed_over(Product.TRYON) == {
        "narrow": "narrow takes at most 1 input pictures, a tryon has 2 or more"
    }
    assert found.passed_over(Product.IMAGES) == {}


async def test_a_misspelt_provider_is_reported_even_in_mock_mode() -> None:
    found = await provider_set(ai_mock_mode=True, tryon_providers=("openia",))
    assert found.served == {Product.AVATAR, Product.IMAGES}
    assert (
        "'openia' is unknown; there are comfyui, fal, fashn, gemini, mock, openai, openai_compatible, replicate"
        in found.refused["openia"]
    )
